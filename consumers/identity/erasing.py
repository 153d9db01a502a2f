"""Erase a person: the facts first, so that nothing can be derived from them again, then what was derived.

What only this person held goes as a whole; of a shared device only this person's events go. Mutations rewrite the parts:
nothing of the rows stays on disk once they are done.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final

from consumers.enrich.identifiers import keys_of
from consumers.identity.requests import Done, Erase
from consumers.warehouse.contract import Warehouse

_SYNC: Final = " SETTINGS mutations_sync = 2"
_BY_SUBJECT: Final = (
    "sessions",
    "touchpoints",
    "conversion_events",
    "person_subjects",
    "event_duplicates",
    "refreshes",
)
_BY_PERSON: Final = (
    "sessions",
    "touchpoints",
    "conversion_events",
    "conversions",
    "conversion_paths",
    "open_paths",
    "person_subjects",
)
Keys = Collection[tuple[str, str]]


async def erase_facts(warehouse: Warehouse, asked: Erase) -> tuple[int, Keys, list[tuple[str, str]]]:
    """Remove events, links and bad events of a person: (events removed, keys to refresh, identifiers only this person held)."""
    site = {"site": asked.site, "person": asked.person_id}
    own = await _own_identifiers(warehouse, site)
    places = await warehouse.rows(
        "SELECT log_gen, log_part, log_off, subject FROM events WHERE site = {site:String} AND (event_id, visitor_id) IN "
        "(SELECT event_id, visitor_id FROM v_events WHERE site = {site:String} AND person_id = {person:String})",
        site,
    )
    bound = {"site": asked.site, "types": [kind for kind, _ in own], "values": [value for _, value in own],
             "gens": [row[0] for row in places], "parts": [row[1] for row in places], "offs": [row[2] for row in places]}  # fmt: skip
    at_place = (
        "has(arrayZip({gens:Array(UInt32)}, {parts:Array(UInt16)}, {offs:Array(UInt64)}), (log_gen, log_part, log_off))"
    )
    is_own = "has(arrayZip({types:Array(String)}, {values:Array(String)}), (toString(%s_type), %s_value))"
    touched = await warehouse.rows(
        "SELECT DISTINCT id_type, id_value FROM identity_links WHERE site = {site:String} AND other_type != '' AND ("
        f"{at_place} OR {is_own % ('other', 'other')} OR {is_own % ('id', 'id')})",
        bound,
    )
    await _delete(warehouse, "events", f"site = {{site:String}} AND {at_place}", bound)
    await _delete(
        warehouse, "identity_links",
        f"site = {{site:String}} AND ({at_place} OR {is_own % ('id', 'id')} OR {is_own % ('other', 'other')})", bound,
    )  # fmt: skip
    await _delete(
        warehouse,
        "identity_retractions",
        f"site = {{site:String}} AND ({is_own % ('id', 'id')} OR {is_own % ('other', 'other')})",
        bound,
    )
    # a bad event may name the person anywhere in what was sent
    await _delete(
        warehouse, "bad_events",
        "site = {site:String} AND (has({values:Array(String)}, visitor_id) "
        "OR arrayExists(v -> length(v) > 2 AND position(payload, v) > 0, {values:Array(String)}))",
        bound,
    )  # fmt: skip
    ids = {(str(kind), str(value)) for kind, value in touched} | set(own)
    keys = {(asked.site, key) for kind, value in ids for key in keys_of(kind, value)}
    return len(places), keys | {(asked.site, str(row[3])) for row in places}, own


async def erase_derived(
    warehouse: Warehouse, asked: Erase, own: list[tuple[str, str]], facts: int, now_ms: int
) -> Done:
    """Remove what was derived, also the tombstones, which hold keys; leave a record that names nobody."""
    subjects = [key for kind, value in own for key in keys_of(kind, value)]
    bound = {"site": asked.site, "person": asked.person_id, "subjects": subjects,
             "types": [kind for kind, _ in own], "values": [value for _, value in own]}  # fmt: skip
    for table in _BY_SUBJECT:
        column = "key" if table == "refreshes" else "subject"
        await _delete(warehouse, table, f"site = {{site:String}} AND has({{subjects:Array(String)}}, {column})", bound)
    for table in _BY_PERSON:
        await _delete(warehouse, table, "site = {site:String} AND person_id = {person:String}", bound)
    for table in ("identities", "identity_owners", "identity_quarantine"):
        mine = "has(arrayZip({types:Array(String)}, {values:Array(String)}), (toString(id_type), id_value))"
        await _delete(warehouse, table, f"site = {{site:String}} AND {mine}", bound)
    for table, columns in (("identities", "owners"), ("identity_owners", "owners")):
        # former versions of shared identifiers still name the person
        await _delete(warehouse, table, f"site = {{site:String}} AND has({columns}, {{person:String}})", bound)
    await warehouse.insert(
        "erasures",
        {"erasure_id": [uuid.uuid4().hex], "site": [asked.site], "at": [now_ms], "by": [asked.by], "facts": [facts]},
        {
            "erasure_id": "String",
            "site": "LowCardinality(String)",
            "at": "DateTime64(3, 'UTC')",
            "by": "String",
            "facts": "UInt64",
        },
    )
    return Done(facts)


async def _own_identifiers(warehouse: Warehouse, bound: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Identifiers that nobody but this person ever held."""
    rows = await warehouse.rows(
        "SELECT id_type, id_value FROM identities FINAL WHERE site = {site:String} AND NOT suppressed AND "
        "(arrayDistinct(owners) = [{person:String}] OR (owners = [''] AND "
        "if(device_group = '', concat(id_type, ':', id_value), device_group) = {person:String}))",
        bound,
    )
    kind, _, value = str(bound["person"]).partition(":")
    return sorted({(str(a), str(b)) for a, b in rows} | {(kind, value)})


async def _delete(warehouse: Warehouse, table: str, condition: str, bound: Mapping[str, Any]) -> None:
    used = {name: value for name, value in bound.items() if f"{{{name}:" in condition}
    await warehouse.command(f"ALTER TABLE {table} DELETE WHERE {condition}{_SYNC}", used)
