"""Everything the tables hold of one person, asked over the ClickHouse interface."""

from __future__ import annotations

from typing import Any

import msgspec

from consumers.identity.bad import Names
from consumers.identity.erasure import OWN
from consumers.identity.known import OWNERS
from consumers.identity.macros import LINK_SELECTORS, RETRACTIONS_BOTH_WAYS
from consumers.warehouse.cluster import asked_once
from netiv.clickhouse import ClickHouse
from netiv.errors import CommandError

_IDENTIFIERS = """
SELECT id_type, id_value, toString(first_seen) AS first_seen, toString(last_seen) AS last_seen, shared, suppressed, neighbours
FROM identities FINAL
WHERE site = {site:String} AND (has(owners, {person:String}) OR (has(owners, '')
    AND if(device_group = '', concat(id_type, ':', id_value), device_group) = {person:String}))
ORDER BY first_seen, id_type, id_value"""
_OWNERSHIP = """
SELECT id_type, id_value, toString(owned_from) AS owned_from, toString(owned_until) AS owned_until
FROM v_identity_owners WHERE site = {site:String} AND person_id = {person:String} ORDER BY owned_from, id_type, id_value"""
# Each link stands in both directions; one is enough. Of several retractions of one link the first took it back.
_LINKS = f"""
SELECT
    one.1 AS id_type, one.2 AS id_value, another.1 AS other_type, another.2 AS other_value, standing, kind, evidence,
    toString(l.ts) AS at, l.event_id AS event_id,
    if(standing = 'taken back', argMinIf(r.by, r.at, r.at > 0), '') AS taken_back_by,
    if(standing = 'taken back', argMinIf(r.reason, r.at, r.at > 0), '') AS reason
FROM
(
    SELECT
        greatest((toString(id_type), id_value), (toString(other_type), other_value)) AS one,
        least((toString(id_type), id_value), (toString(other_type), other_value)) AS another,
        standing, kind, evidence, ts, event_id, arrayJoin({LINK_SELECTORS}) AS selector
    FROM v_identity_links
    WHERE site = {{site:String}} AND (id_type, id_value) IN (%s)
) AS l
LEFT JOIN {RETRACTIONS_BOTH_WAYS} AS r ON r.selector = l.selector
GROUP BY one, another, standing, kind, evidence, l.ts, l.event_id
ORDER BY standing != 'stands', at, event_id, id_type, id_value, other_type, other_value"""
# Of what theirs is linked to only why it joins nothing: by whom it is shared is the business of others.
_QUARANTINE = """
SELECT id_type, id_value, rule, evidence, event_id FROM v_identity_quarantine
WHERE site = {site:String} AND ((id_type, id_value) IN (%s) OR (rule IN ('blocked', 'limit') AND (id_type, id_value) IN
    (SELECT other_type, other_value FROM identity_links WHERE site = {site:String} AND (id_type, id_value) IN (%s))))
ORDER BY id_type, id_value, rule"""
_MINE = """SELECT id_type, id_value FROM identities FINAL
WHERE site = {site:String} AND (has(owners, {person:String}) OR concat(id_type, ':', id_value) = {person:String}
    OR device_group = {person:String})"""
# As an erasure finds them: about what only they hold, or about an event of theirs.
_RETRACTIONS = f"""
SELECT toString(at) AS at, by, reason, id_type, id_value, other_type, other_value, event_id FROM identity_retractions
WHERE site = {{site:String}} AND ((id_type, id_value) IN ({OWN}) OR (other_type, other_value) IN ({OWN})
    OR (event_id != '' AND event_id IN (SELECT event_id FROM v_events WHERE site = {{site:String}} AND person_id = {{person:String}})))
ORDER BY at, retraction_id"""
_BAD = """
SELECT toString(received_at) AS received_at, code, pointer, message, payload, dialect, secret, toString(sent_at) AS sent_at,
    visitor_id, ip, user_agent, language, log_gen, log_part, log_off
FROM bad_events FINAL
WHERE site = {site:String} AND (log_gen, log_part, log_off) > ({gen:Int64}, {part:Int64}, {off:UInt64})
ORDER BY log_gen, log_part, log_off LIMIT {chunk:UInt32}"""
# Payloads of bad events that are looked at in one go: an answer is held in memory, and may be no larger than a reader's.
_CHUNK = 500
_VIEWS = {
    "events": "SELECT * FROM v_events WHERE site = {site:String} AND person_id = {person:String} ORDER BY ts, event_id",
    "sessions": "SELECT * FROM v_sessions WHERE site = {site:String} AND person_id = {person:String} ORDER BY started_at",
    "touchpoints": "SELECT * FROM v_touchpoints WHERE site = {site:String} AND person_id = {person:String} ORDER BY ts",
    "conversions": "SELECT * FROM v_conversions WHERE site = {site:String} AND person_id = {person:String} ORDER BY ts",
    "conversion_paths": "SELECT * FROM v_conversion_paths WHERE site = {site:String} AND person_id = {person:String} ORDER BY converted_at",
    "open_paths": "SELECT * FROM v_open_paths WHERE site = {site:String} AND person_id = {person:String}",
}


class Person(msgspec.Struct, frozen=True):
    """What explains a person: identifiers, when each was theirs, the links with whether each counts, and what was refused."""

    person_id: str
    identifiers: list[dict[str, Any]]
    ownership: list[dict[str, Any]]
    links: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]


def explain(warehouse: ClickHouse, site: str, person: str) -> Person:
    """Raises when nobody is known by this name."""
    found = Person(
        person, _ask(warehouse, _IDENTIFIERS, site, person), _ask(warehouse, _OWNERSHIP, site, person),
        _ask(warehouse, _LINKS % _MINE, site, person), _ask(warehouse, _QUARANTINE % (_MINE, _MINE), site, person),
    )  # fmt: skip
    if not found.identifiers:
        raise CommandError(f"{site} knows nobody called {person}.", _hint(warehouse, site, person))
    return found


def _hint(warehouse: ClickHouse, site: str, name: str) -> str:
    """Whose identifier it is, should it be somebody's."""
    owners = ", ".join(row["owner"] for row in _ask(warehouse, OWNERS, site, name))
    if owners:
        return f"It belongs, or belonged, to {owners}."
    return "Is it the right site? See `netiv sites list`; ids are in the view v_identities."


def export(warehouse: ClickHouse, site: str, person: str, phone_region: str) -> dict[str, Any]:
    """All of it: what explains the person, every row of every view that is about them, and what an erasure would find beside
    (`phone_region` as of the site)."""
    document: dict[str, Any] = msgspec.to_builtins(explain(warehouse, site, person))
    return {
        "site": site, **document, **{name: _ask(warehouse, sql, site, person) for name, sql in _VIEWS.items()},
        "retractions": _ask(warehouse, _RETRACTIONS, site, person), "bad_events": _bad_events(warehouse, site, person, phone_region),
    }  # fmt: skip


def _bad_events(warehouse: ClickHouse, site: str, person: str, phone_region: str) -> list[dict[str, Any]]:
    """Those that an erasure would remove, whole. All of the site are looked at: an address is known by its hash only."""
    own = [(row["id_type"], row["id_value"]) for row in _ask(warehouse, OWN, site, person)]
    names = Names(own, phone_region)
    found: list[dict[str, Any]] = []
    place = {"gen": -1, "part": -1, "off": 0}
    while True:
        rows = _ask(warehouse, _BAD, site, person, **place, chunk=_CHUNK)
        for row in rows:
            place = {name: row.pop(f"log_{name}") for name in place}
            if names.are_of(row["visitor_id"], row["payload"]):
                found.append(row)
        if len(rows) < _CHUNK:
            return found


def timeline(warehouse: ClickHouse, site: str, person: str) -> list[dict[str, Any]]:
    """Visits, touches and conversions in order."""
    sql = """
SELECT toString(at) AS at, what, detail FROM
(
    SELECT ts AS at, concat('touch: ', kind) AS what, concat(channel, ' · ', source, ' / ', medium, ' ', campaign) AS detail
    FROM v_touchpoints WHERE site = {site:String} AND person_id = {person:String}
    UNION ALL
    SELECT ts, concat('conversion: ', name), concat(toString(value), ' ', currency, ' ', order_id)
    FROM v_conversions WHERE site = {site:String} AND person_id = {person:String}
)
ORDER BY at, what, detail"""
    return _ask(warehouse, sql, site, person)


def _ask(warehouse: ClickHouse, sql: str, site: str, person: str, **further: object) -> list[dict[str, Any]]:
    result = warehouse.query(asked_once(sql), {"site": site, "person": person, **further})
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]
