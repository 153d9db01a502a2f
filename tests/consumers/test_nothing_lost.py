"""Whatever an event says is found again in its row: in a column, or beside its properties."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from consumers.enrich.facts import enrich
from consumers.lookups import make_lookups
from eventlog.contract import Position
from schemas.event import Campaign, Context, Event, Order, Touch
from schemas.record import Accepted

LOOKUPS = make_lookups()
PARTS = {"context": Context, "context.campaign": Campaign, "touch": Touch, "order": Order}
TIMES = {"created_at": 1_772_495_400_001, "sent_at": 1_772_495_400_002}
# Not stored as they are: what they tell is (bot, device, country, the hash of a contact), or the collector has settled it already.
ELSEWHERE = {
    "type": "page", "event_id": "e", "visitor_id": "v", "email": "a@b.example", "phone": "0501112222", "context.user_agent": "", "context.ip": "",
    "context.active": True,
}  # fmt: skip


def full(struct: type[msgspec.Struct], path: str = "") -> dict[str, Any]:
    """An event with every field there is, each with a value that is nowhere else, and one more that is unknown."""
    told: dict[str, Any] = {"unheard_of": f"<{path}unheard_of>"}
    for name in struct.__struct_fields__:
        place = path + name
        if place in PARTS:
            told[name] = full(PARTS[place], f"{place}.")
        elif place in ELSEWHERE or name in TIMES:
            told[name] = ELSEWHERE.get(place, TIMES.get(name))
        elif name in ("value", "cost", "seq"):
            told[name] = 1_000 + len(place)
        elif name == "items":
            told[name] = [{"sku": "<item>"}]
        elif name in ("identifiers", "properties", "click_ids", "consent"):
            told[name] = {"gclid": f"<{place}>", "other": f"<{place}.other>"}
        else:
            told[name] = f"<{place}>"
    return told


def leaves(told: Any) -> Iterator[Any]:
    if isinstance(told, dict | list):
        for value in told.values() if isinstance(told, dict) else told:
            yield from leaves(value)
    else:
        yield told


def row_of(event: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(event).encode()
    return enrich(
        Accepted(site="s", received_at=1_772_495_400_003, event_id="e", visitor_id="v", event=body),
        Position(1, 2, 3),
        LOOKUPS,
    )


@pytest.mark.parametrize("without", ["order", "touch", "context", "nothing"])
def test_every_field_is_found_again(without: str) -> None:
    event = full(Event)
    event.pop(without, None)
    row = row_of(event)
    kept = " ".join(str(value) for value in row.values())
    told = [value for value in leaves(event) if value not in ELSEWHERE.values()]
    assert len(told) > 20
    # a touch that says where it came from says all of it: the campaign around it is not its own
    of_page = {f"<context.campaign.{name}>" for name in Campaign.__struct_fields__} if "touch" in event else set()
    assert {value for value in told if str(value) not in kept} <= of_page


@pytest.mark.parametrize(("event", "rest"), [
    ({"order": {"id": "1", "value": 1e15, "tax": 1.5}}, {"$extra": {"order": {"tax": 1.5, "value": 1e15}}}),
    ({"order": {"value": 5, "currency": "shekels of Israel"}}, {"$extra": {"order": {"currency": "shekels of Israel"}}}),
    ({"touch": {"kind": "call", "cost": -1e14, "minutes": 3}}, {"$extra": {"touch": {"minutes": 3, "cost": -1e14}}}),
    ({"context": {"campaign": {"source": "a", "id": "77"}}}, {"$context": {"campaign": {"id": "77"}}}),
    ({"context": {"click_ids": {"fbclid": "F", "gclid": " G "}}}, {"$context": {"click_ids": {"fbclid": "F"}}}),
    ({"touch": {"source": "tv"}, "context": {"click_ids": {"gclid": "G"}}}, {"$context": {"click_ids": {"gclid": "G"}}}),
    ({"order": {"id": "1", "customer_email": "raw@x.example"}}, {}),
    ({"seq": 2**64}, {"$extra": {"seq": 2**64}}), ({"seq": -1}, {"$extra": {"seq": -1}}), ({"seq": 2**64 - 1}, {}), ({"seq": 0}, {}),
    ({"order": None, "touch": None, "seq": None, "context": {"campaign": None, "click_ids": None, "screen": None}}, {}),
])  # fmt: skip
def test_what_no_column_holds(event: dict[str, Any], rest: dict[str, Any]) -> None:
    assert json.loads(row_of({"type": "touch", **event})["properties"]) == rest


@pytest.mark.parametrize(
    ("screen", "text"), [("1920x1080", "1920x1080"), ({"w": 1}, '{"w":1}'), (None, ""), (1080, "1080")]
)
def test_screens(screen: Any, text: str) -> None:
    assert row_of({"type": "page", "context": {"screen": screen}})["screen"] == text
