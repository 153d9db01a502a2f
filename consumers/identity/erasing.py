"""Erase a person: the facts first, so that nothing can be derived from them again, then what was derived.

What only this person held goes as a whole; of a shared device only this person's events go. Mutations rewrite the parts:
nothing of the rows stays on disk once they are done, neither tombstones nor what former refreshes wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from consumers.enrich.identifiers import keys_of
from consumers.identity.erased import bad_fingerprint, fingerprint
from consumers.identity.erasure import IS_OWN, LESS_OWN, NAMES_OWN, Erasure, bound_to
from consumers.warehouse.contract import Warehouse

_SYNC: Final = " SETTINGS mutations_sync = 2"
# How many events one mutation names: its text is kept in memory and on disk.
_CHUNK: Final = 5_000
_BY_SUBJECT: Final = ("event_duplicates", "sessions", "touchpoints", "stage_events", "conversion_events")
_BY_PERSON: Final = ("conversions", "touch_sessions", "conversion_paths", "open_paths")
_BY_IDENTIFIER: Final = ("identities", "identity_owners", "identity_quarantine")
# What the refresh after the erasure did not write is of before: deleted first, then the tombstones, so that no row comes back.
_OUTDATED: Final = ("version < {version:UInt64}", "is_deleted")
_PLACES: Final = (
    "(log_gen, log_part, log_off) IN arrayZip({gens:Array(UInt32)}, {parts:Array(UInt16)}, {offs:Array(UInt64)})"
)


async def never_again(warehouse: Warehouse, erasure: Erasure) -> None:
    """What is erased stays out, should it be read from the log or sent again."""
    prints = [fingerprint(erasure.site, subject, event) for subject, event in erasure.events]
    prints += [bad_fingerprint(place) for place in erasure.bad]
    if prints:
        columns: dict[str, Sequence[Any]] = {"fingerprint": prints, "erasure_id": [erasure.erasure_id] * len(prints)}
        await warehouse.insert("erased", columns, {"fingerprint": "UInt64", "erasure_id": "String"})


async def erase_facts(warehouse: Warehouse, erasure: Erasure) -> None:
    """Remove events, links, retractions and bad events; others' events lose the identifiers."""
    bound = _bound(erasure)
    for part in _chunks(erasure.places):
        for table in ("events", "identity_links"):
            await _delete(warehouse, table, _PLACES, {**bound, **part})
    for part in _chunks(erasure.bad):
        await _delete(warehouse, "bad_events", _PLACES, {**bound, **part})
    own = f"({IS_OWN % ('id', 'id')} OR {IS_OWN % ('other', 'other')})"
    await _delete(warehouse, "identity_links", own, bound)
    await _delete(warehouse, "identity_retractions", own, bound)
    await _forget_retractions(warehouse, erasure)
    await warehouse.command(
        f"ALTER TABLE events UPDATE {LESS_OWN} WHERE site = {{site:String}} AND {NAMES_OWN}{_SYNC}",
        {name: bound[name] for name in ("site", "types", "values")},
    )


async def _forget_retractions(warehouse: Warehouse, erasure: Erasure) -> None:
    """Those of erased events. An event of somebody else that has the same id keeps its own."""
    for start in range(0, len(erasure.events), _CHUNK):
        ids = {event for _, event in erasure.events[start : start + _CHUNK]}
        site_ids = {"site": erasure.site, "ids": sorted(ids)}
        remaining = await warehouse.rows(
            "SELECT DISTINCT event_id FROM events WHERE site = {site:String} AND event_id IN {ids:Array(String)}",
            site_ids,
        )
        gone = sorted(ids - {str(row[0]) for row in remaining})
        await _delete(warehouse, "identity_retractions", "event_id != '' AND event_id IN {ids:Array(String)}",
                      {**site_ids, "ids": gone})  # fmt: skip


async def erase_derived(warehouse: Warehouse, erasure: Erasure, version: int) -> None:
    """Remove what was derived before `version`, the time at which all that is left was derived again."""
    bound = {**_bound(erasure), "version": version}
    touched = bound_to(erasure.touched)
    own = IS_OWN % ("id", "id")
    for outdated in _OUTDATED:
        for table in _BY_SUBJECT:
            await _delete(warehouse, table, f"subject IN {{subjects:Array(String)}} AND {outdated}", bound)
        for table in _BY_PERSON:
            await _delete(warehouse, table, f"person_id IN {{persons:Array(String)}} AND {outdated}", bound)
        for table in _BY_IDENTIFIER:
            await _delete(warehouse, table, f"{own} AND {outdated}", {**bound, **touched})
    for table in _BY_IDENTIFIER:
        await _delete(warehouse, table, own, bound)
    await _forget_owners(warehouse, erasure)
    # what hung on the person's identifiers was derived again too; its former versions still name the person
    for table in ("identities", "identity_owners"):
        await _delete(warehouse, table, "hasAny(owners, {names:Array(String)})", bound)
    shared = (
        "rule = 'shared' AND hasAny(splitByString(', ', replaceOne(evidence, 'owned by ', '')), {names:Array(String)})"
    )
    await _delete(warehouse, "identity_quarantine", shared, bound)
    await _delete(
        warehouse, "person_subjects", "(person_id IN {names:Array(String)} OR subject IN {held:Array(String)})", bound
    )
    for table in ("refreshes", "set_aside"):
        await _delete(warehouse, table, "(key IN {names:Array(String)} OR key IN {held:Array(String)})", bound)


async def _forget_owners(warehouse: Warehouse, erasure: Erasure) -> None:
    """Those of identifiers that only the person's events named: nothing is told of them any more."""
    known = await warehouse.rows(
        f"SELECT id_type, id_value FROM identities FINAL WHERE site = {{site:String}} AND {IS_OWN % ('id', 'id')}",
        {"site": erasure.site, **bound_to(erasure.touched)},
    )
    gone = sorted(set(erasure.touched) - {(str(kind), str(value)) for kind, value in known})
    if gone:
        await _delete(warehouse, "identity_owners", IS_OWN % ("id", "id"), {"site": erasure.site, **bound_to(gone)})


async def note(warehouse: Warehouse, erasure: Erasure, now_ms: int) -> None:
    """The record of the erasure, which names nobody; what was to be done is done."""
    await warehouse.insert(
        "erasures",
        {
            "erasure_id": [erasure.erasure_id], "site": [erasure.site], "at": [now_ms], "by": [erasure.by],
            "facts": [len(erasure.places)],
        },
        {
            "erasure_id": "String", "site": "LowCardinality(String)", "at": "DateTime64(3, 'UTC')", "by": "String",
            "facts": "UInt64",
        },
    )  # fmt: skip
    await warehouse.command(
        f"ALTER TABLE erasing DELETE WHERE erasure_id = {{id:String}}{_SYNC}", {"id": erasure.erasure_id}
    )


def _bound(erasure: Erasure) -> dict[str, Any]:
    return {
        "site": erasure.site, **bound_to(erasure.own),
        "names": erasure.names, "subjects": erasure.subjects, "persons": erasure.persons,
        "held": [key for kind, value in erasure.own for key in keys_of(kind, value)],
    }  # fmt: skip


def _chunks(places: Sequence[tuple[int, int, int]]) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(places), _CHUNK):
        part = places[start : start + _CHUNK]
        yield {
            "gens": [place[0] for place in part],
            "parts": [place[1] for place in part],
            "offs": [place[2] for place in part],
        }


async def _delete(warehouse: Warehouse, table: str, condition: str, bound: Mapping[str, Any]) -> None:
    used = {name: value for name, value in bound.items() if name == "site" or f"{{{name}:" in condition}
    await warehouse.command(f"ALTER TABLE {table} DELETE WHERE site = {{site:String}} AND {condition}{_SYNC}", used)
