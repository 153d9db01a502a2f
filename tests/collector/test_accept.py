"""Short ways through acceptance say the same as the long ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.accept import STEPS, Draft, Sender, judge, judge_decoded, plain
from collector.envelope import SENT
from collector.receipts import decode, encode, encode_runs
from consumers.enrich.facts import enrich
from consumers.lookups import make_lookups
from eventlog.contract import Position
from eventlog.places import OFFSET_BITS, OFFSET_MASK, runs
from schemas.record import Accepted
from schemas.sites import Site

SENDER = Sender(Site("shop"), secret=False, received_at=1_780_000_000_000)
TEXTS = st.sampled_from(["", " ", "v", "v1", "x" * 512, "x" * 513, "é" * 512, "2026-11-21T10:00:00.123Z", "9" * 309])
NUMBERS = st.sampled_from([0, -1, 1_780_000_000_000, 10**30])
DEEP = st.integers(0, 20).map(lambda levels: eval("[" * levels + "]" * levels or "0"))
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("visitor_id", "event_id", "session_id", "user_id", "created_at", "sent_at"), TEXTS | NUMBERS),
    "created_at": TEXTS | NUMBERS | st.just(1.5),
    "email": TEXTS,
    "identifiers": st.dictionaries(TEXTS, TEXTS, max_size=2),
    "order": st.just({"id": "o", "value": 1e14}),
    "touch": st.just({"cost": 1e15}),
    "properties": st.fixed_dictionaries({"deep": DEEP})
    | st.just({str(number): 0 for number in range(256)})
    | st.just({"text": "x" * 9_000}),
}


@given(st.fixed_dictionaries({"type": st.just("page")}, optional=FIELDS))
def test_an_event_that_looks_plain_passes_every_step(fields: dict[str, Any]) -> None:
    raw = msgspec.json.encode(fields)
    event = SENT.decode(raw)
    if plain(event, raw, event.visitor_id):
        visitor_id = str(event.visitor_id).strip()
        draft = Draft(event, raw, SENDER, False, visitor_id, visitor_id)
        assert [step(draft) for step in STEPS] == [None] * len(STEPS)


@given(
    st.fixed_dictionaries({"type": st.just("page")}, optional=FIELDS), st.sampled_from(["", "cookie-1"]), st.booleans()
)
def test_the_short_way_gives_the_verdict_of_the_long_one(fields: dict[str, Any], cookie: str, mints: bool) -> None:
    raw = msgspec.json.encode(fields)
    event = SENT.decode(raw)
    sender = msgspec.structs.replace(SENDER, cookie=cookie, minted="new" if mints and not cookie else "")
    assert judge_decoded(event, raw, sender, False, lambda: "made") == judge_decoded(
        event, raw, sender, True, lambda: "made"
    )


def test_the_events_of_a_browser_look_plain() -> None:
    raw = (
        b'{"type":"page","event_id":"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","visitor_id":"v-1","session_id":"s",'
        b'"created_at":"2026-11-21T10:00:00.123Z","context":{"url":"https://shop.example/","campaign":{"source":"x"}},'
        b'"properties":{"a":[1,2],"b":{"c":null}}}'
    )
    assert plain(SENT.decode(raw), raw, "v-1")


@pytest.mark.parametrize(("event", "subject"), [
    ({"context": {"click_ids": {"gclid": "G1"}}}, "gclid=G1"), ({"context": {"click_ids": {"fbclid": "F", "gclid": " G1 "}}}, "gclid=G1"),
    ({"context": {"url": "https://shop.example/?gclid=G1"}}, "gclid=G1"), ({"context": {"url": "https://shop.example/#fbclid=F1"}}, "fbclid=F1"),
    ({"context": {"click_ids": {"gclid": "G1"}, "url": "https://shop.example/?gclid=G2"}}, "gclid=G1"),
    ({"context": {"click_ids": {"gclid": "G1"}}, "email": "a@b.example"}, "a@b.example"),
    ({"context": {"click_ids": {"gclid": "G1"}}, "identifiers": {"crm_id": 7}}, "crm_id=7"),
    ({"context": {"click_ids": {"gclid": " ", "mystery": "x"}, "url": "https://shop.example/?q=gclid"}}, ""),
    ({"context": {"click_ids": {"gclid": "x" * 513}}}, ""), ({"context": {}}, ""), ({}, ""),
])  # fmt: skip
def test_a_click_id_names_whom_a_servers_event_is_of_where_nothing_else_does(
    event: dict[str, Any], subject: str
) -> None:
    raw = msgspec.json.encode({"type": "conversion", **event})
    server = msgspec.structs.replace(SENDER, secret=True)
    verdict = judge(raw, server, False, lambda: "made")
    assert (verdict.subject, getattr(verdict.record, "code", "")) == (subject, "" if subject else "missing_identifier")
    if isinstance(verdict.record, Accepted):
        row = enrich(verdict.record, Position(1, 0, 0), make_lookups())
        assert row["visitor_id"] == ""
        assert row["subject"].startswith("~")
        minted = judge(raw, msgspec.structs.replace(SENDER, minted="new"), False, lambda: "made")
        assert minted.subject == ("new" if "=G1" in subject or "=F1" in subject else subject), (
            "a browser has its visitor"
        )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, unique=True) | st.integers(1, 30))
def test_a_receipt_names_exactly_the_places_of_its_records(given_places: list[tuple[int, int]] | int) -> None:
    if isinstance(given_places, int):
        packed: Sequence[int] = range(7, 7 + given_places)
    else:
        packed = [(partition << OFFSET_BITS) + offset for partition, offset in given_places]
    positions = [Position(5, place >> OFFSET_BITS, place & OFFSET_MASK) for place in packed]
    text = encode(positions)
    assert text == encode_runs(runs(5, packed))
    named = [
        Position(run.generation, run.partition, at) for run in decode(text) for at in range(run.first, run.last + 1)
    ]
    assert named == sorted(positions)
