"""The scenario tables: events in, persons and owners out. Each is told forwards, backwards and shuffled."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumers.enrich.identifiers import hash_email, hash_phone
from consumers.identity.requests import Erase, Unlink
from schemas.record import Accepted
from tests.model.driver import Driver
from tests.model.engine import Pipeline

FOLDER = Path(__file__).parent / "scenarios"
BEGIN = 1_772_409_600_000  # 2 March 2026, 00:00
FIELDS = {"user": "user_id", "email": "email", "phone": "phone", "session": "session_id"}
TYPES = {"page", "identify", "track", "alias", "conversion", "touch"}
ORDERS = ("forwards", "backwards", "shuffled")
SCENARIOS = [one for path in sorted(FOLDER.glob("*.yaml")) for one in yaml.safe_load(path.read_text("utf-8"))]


def moment(text: str) -> int:
    """`day 3 10:15` or `10:15` as epoch milliseconds."""
    day, hours, minutes = re.fullmatch(r"(?:day (\d+) )?(\d\d):(\d\d)", text).groups()  # type: ignore[union-attr]
    return BEGIN + ((int(day or 1) - 1) * 24 * 60 + int(hours) * 60 + int(minutes)) * 60_000


def person(text: str | None) -> str:
    """`email dana@example.com` as the person id of the tables."""
    if not text:
        return ""
    kind, _, value = text.partition(" ")
    kind = {"user": "user_id", "visitor": "visitor_id"}.get(kind, kind)
    return f"{kind}:" + {"email": hash_email, "phone": hash_phone}.get(kind, str)(value)


def events_of(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    """The events with `repeat: N` written out; `#` in a value is the number of the repetition."""

    def numbered(told: dict[str, Any], number: int) -> dict[str, Any]:
        return {
            key: value.replace("#", str(number)) if isinstance(value, str) else value for key, value in told.items()
        }

    return [numbered(told, number) for told in scenario["events"] for number in range(1, told.get("repeat", 1) + 1)]


def record(told: dict[str, Any], number: int, site: str) -> Accepted:
    """One event of a table as the collector would have stored it."""
    event: dict[str, Any] = {"type": told.get("type", "page"), "created_at": moment(told["at"])}
    if event["type"] == "log-out":
        event |= {"type": "track", "name": "logged_out"}
    if event["type"] == "purchase":
        event |= {"type": "conversion", "order": {"id": f"{site}-{number}", "value": 100, "currency": "ILS"}}
    for word, field in FIELDS.items():
        if word in told:
            event[field] = told[word]
    if event["type"] == "call":
        event |= {"type": "touch", "touch": {"kind": "call", "creative": f"{site}-{number}"}}
    if also := told.get("also"):
        event["identifiers"] = also
    if click := told.get("click"):
        event["context"] = {"url": f"https://shop.example/?gclid={click}"}
    return Accepted(
        site=site, received_at=moment(told.get("arrives", told["at"])) + 1_000, event_id=f"e{number}",
        visitor_id=told.get("visitor", ""), event=json.dumps(event).encode(), secret=told.get("server", False),
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(driver: Driver) -> dict[str, str]:
    """All scenarios, each on a site of its own, in each order: order -> name of the sites."""
    names = {}
    for order in ORDERS:
        names[order] = name = driver.name()
        histories = [
            [record(event, number, f"{name}.{index}") for number, event in enumerate(events_of(one))]
            for index, one in enumerate(SCENARIOS)
        ]
        driver.stream(_batches(histories, order), random.Random(order))
        for index, one in enumerate(SCENARIOS):
            for asked in one.get("then", []):
                driver.perform(_request(asked, f"{name}.{index}"))
    return names


def _batches(histories: list[list[Accepted]], order: str) -> list[list[Accepted]]:
    """Forwards in one batch; backwards and shuffled in two, each scenario cut in the middle."""
    if order == "forwards":
        return [[event for one in histories for event in one]]
    chance = random.Random(order)
    turned = [one[::-1] if order == "backwards" else chance.sample(one, len(one)) for one in histories]
    first = [event for one in turned for event in one[: len(one) // 2]]
    return [first, [event for one in turned for event in one[len(one) // 2 :]]]


def _request(asked: dict[str, Any], site: str) -> Unlink | Erase:
    if "erase" in asked:
        return Erase(site=site, person_id=person(asked["erase"]))
    names = [tuple(person(one).split(":", 1)) for one in asked["unlink"].split(" from ")] if "unlink" in asked else []
    one, other = (*names, ("", ""), ("", ""))[:2]
    return Unlink(
        site=site, one=one, other=other, event_id=asked.get("unlink_event", ""), rule=asked.get("unlink_rule", "")
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("index", range(len(SCENARIOS)), ids=[one["title"] for one in SCENARIOS])
def test_scenario(driver: Driver, told: dict[str, str], index: int, order: str) -> None:
    scenario = SCENARIOS[index]
    site = {"site": f"{told[order]}.{index}"}
    expected = {f"e{number}": person(event["is"]) for number, event in enumerate(events_of(scenario)) if "is" in event}
    assert expected or scenario.get("owners"), "the table says nothing"
    found = dict(driver.rows("SELECT event_id, person_id FROM v_events WHERE site = {site:String}", site))
    assert {event: found.get(event) for event in expected} == {k: v or None for k, v in expected.items()}
    visits = {
        f"{site['site']}-{number}": event["falls_into"]
        for number, event in enumerate(events_of(scenario))
        if "falls_into" in event
    }
    began = driver.rows(
        "SELECT c.report, toUnixTimestamp64Milli(s.started_at) FROM (SELECT site, session_id, order_id AS report FROM v_conversions "
        "UNION ALL SELECT site, session_id, creative FROM v_touchpoints) AS c LEFT JOIN v_sessions AS s "
        "ON s.site = c.site AND s.session_id = c.session_id WHERE c.site = {site:String}",
        site,
    )
    wanted = {report: 0 if at == "nothing" else moment(at) for report, at in visits.items()}
    assert {report: at for report, at in began if report in wanted} == wanted
    for name, stretches in (scenario.get("owners") or {}).items():
        kind, value = person(name).split(":", 1)
        rows = driver.rows(
            "SELECT toUnixTimestamp64Milli(owned_from), person_id FROM v_identity_owners WHERE site = {site:String} "
            "AND id_type = {kind:String} AND id_value = {value:String} ORDER BY owned_from",
            {**site, "kind": kind, "value": value},
        )
        told_of = [tuple(one.split(": ", 1)) for one in stretches]
        assert rows == [(0 if at == "always" else moment(at), person(who)) for at, who in told_of], name
    for name, rule in (scenario.get("quarantine") or {}).items():
        kind, value = person(name).split(":", 1)
        rows = driver.rows(
            "SELECT rule FROM v_identity_quarantine WHERE site = {site:String} AND id_type = {kind:String} AND id_value = {value:String}",
            {**site, "kind": kind, "value": value},
        )
        assert rule in {row[0] for row in rows}, name
    for name in scenario.get("gone", []):
        kind, value = person(name).split(":", 1)
        driver.run(_forgotten(driver.pipeline, site["site"], value))


async def _forgotten(pipeline: Pipeline, site: str, value: str) -> None:
    known = dict(await pipeline.knowing(site, value))
    assert {"events", "sessions", "conversions", "journal", "todo"} <= {table.rpartition(".")[2] for table in known}
    assert {table: count for table, count in known.items() if count} == {}


def test_there_are_enough_of_them() -> None:
    assert len(SCENARIOS) >= 40
    assert len({one["title"] for one in SCENARIOS}) == len(SCENARIOS)
