"""What the warehouse derived of a demo's world: rows of the `v_*` views, read over HTTP and cut to that world."""

from __future__ import annotations

from typing import Any

import msgspec

from netiv.clickhouse import ClickHouse
from netiv.demo.truth import Truth

_EVENTS = (
    "SELECT event_id, person_id FROM v_events WHERE site = {site:String} AND startsWith(event_id, {prefix:String})"
)
_SESSIONS = """
SELECT visitor_id, person_id, toUnixTimestamp64Milli(started_at), toUnixTimestamp64Milli(ended_at), events, channel
FROM v_sessions WHERE site = {site:String} AND startsWith(visitor_id, {prefix:String})"""
_TOUCHES = """
SELECT person_id, toUnixTimestamp64Milli(ts), kind, channel, node
FROM v_touchpoints
WHERE site = {site:String} AND toUnixTimestamp64Milli(ts) BETWEEN {since:Int64} AND {until:Int64}"""
_CONVERSIONS = """
SELECT p.person_id, toUnixTimestamp64Milli(p.converted_at), c.order_id, toString(p.value), p.path_channels
FROM v_conversion_paths AS p
INNER JOIN v_conversions AS c ON c.site = p.site AND c.conversion_id = p.conversion_id
WHERE p.site = {site:String} AND toUnixTimestamp64Milli(p.converted_at) BETWEEN {since:Int64} AND {until:Int64}"""


class Session(msgspec.Struct, frozen=True):
    """A row of `v_sessions`."""

    visitor_id: str
    person_id: str
    started_at: int
    ended_at: int
    events: int
    channel: str


class Touch(msgspec.Struct, frozen=True):
    """A row of `v_touchpoints`."""

    person_id: str
    ts: int
    kind: str
    channel: str
    node: str


class Conversion(msgspec.Struct, frozen=True):
    """A row of `v_conversion_paths` with its order id; `value` in agorot."""

    person_id: str
    ts: int
    order_id: str
    value: int
    path: list[str]


class Derived(msgspec.Struct, frozen=True):
    """All of it. `owners`: event id to person."""

    owners: dict[str, str]
    sessions: list[Session]
    touches: list[Touch]
    conversions: list[Conversion]


def read(warehouse: ClickHouse, site: str, truth: Truth) -> Derived:
    """Ask for everything of this world. Other worlds may share the site: theirs is left out by id and by person."""
    given = {"site": site, "prefix": truth.prefix, "since": truth.since, "until": truth.until}

    def ask(sql: str) -> list[list[Any]]:
        wanted = {name: value for name, value in given.items() if f"{{{name}:" in sql}
        return warehouse.query(sql, wanted).rows

    ours = truth.prefix
    return Derived(
        owners={row[0]: row[1] for row in ask(_EVENTS)},
        sessions=[Session(row[0], row[1], int(row[2]), int(row[3]), int(row[4]), row[5]) for row in ask(_SESSIONS)],
        touches=[Touch(row[0], int(row[1]), *row[2:]) for row in ask(_TOUCHES) if ours in row[0]],
        conversions=[
            Conversion(row[0], int(row[1]), row[2], agorot(row[3]), row[4])
            for row in ask(_CONVERSIONS)
            if ours in row[0]
        ],
    )


def owners(warehouse: ClickHouse, site: str, prefix: str) -> dict[str, str]:
    """Event id to person, of the events whose id begins so."""
    return {row[0]: row[1] for row in warehouse.query(_EVENTS, {"site": site, "prefix": prefix}).rows}


def agorot(value: str) -> int:
    """A decimal of the warehouse as whole agorot."""
    from decimal import Decimal

    return int((Decimal(value) * 100).to_integral_value())
