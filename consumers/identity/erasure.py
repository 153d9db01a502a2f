"""What an erasure removes: found once, kept until it is done, so that one which is cut short can be brought to its end."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from consumers.enrich.identifiers import keys_of
from consumers.identity.bad import bad_places
from consumers.identity.requests import Erase
from consumers.warehouse.contract import Warehouse
from schemas.record import Place

Id = tuple[str, str]
PLAN_TYPES: Final = {"erasure_id": "String", "plan": "String"}
_AMONG_OWN: Final = "IN arrayZip({types:Array(String)}, {values:Array(String)})"
IS_OWN: Final = f"(toString(%s_type), %s_value) {_AMONG_OWN}"
# the person's events, with the copies that repeat them
_EVENTS: Final = """
SELECT log_gen, log_part, log_off, subject, event_id FROM events
WHERE site = {site:String} AND (subject IN {subjects:Array(String)} OR (subject, event_id) IN
    (SELECT subject, event_id FROM events_with_persons WHERE site = {site:String} AND person_id = {person:String}))"""
# What an event names beside its subject: others' events lose what is the person's.
OWN_USER: Final = f"('user_id', user_id) {_AMONG_OWN}"
OWN_CLICK: Final = f"(toString(click_id_type), click_id) {_AMONG_OWN}"
_IS_OWN_ENTRY: Final = f"(toString(n), v) {_AMONG_OWN}"
NAMES_OWN: Final = f"({OWN_USER} OR {OWN_CLICK} OR arrayExists((n, v) -> {_IS_OWN_ENTRY}, mapKeys(identifiers), mapValues(identifiers)))"
LESS_OWN: Final = (
    f"identifiers = mapFilter((n, v) -> NOT {_IS_OWN_ENTRY}, identifiers), "
    f"user_id = if({OWN_USER}, '', user_id), click_id = if({OWN_CLICK}, '', click_id)"
)
# What only this person holds.
OWN: Final = """
SELECT id_type, id_value FROM identities FINAL
WHERE site = {site:String} AND NOT suppressed AND (arrayDistinct(owners) = [{person:String}] OR (owners = ['']
    AND if(device_group = '', concat(id_type, ':', id_value), device_group) = {person:String}))"""
# Whether the tables know an identifier as somebody's, or refuse it: else its own name is all that there is of a person.
_KNOWN: Final = f"""
SELECT id_type FROM identities FINAL WHERE site = {{site:String}} AND {IS_OWN % ("id", "id")}
UNION ALL
SELECT id_type FROM identity_quarantine FINAL WHERE site = {{site:String}} AND {IS_OWN % ("id", "id")} AND rule = 'blocked'
LIMIT 1"""
_NAMING: Final = f"SELECT DISTINCT subject FROM events WHERE site = {{site:String}} AND {NAMES_OWN}"
_TOUCHED: Final = f"""
SELECT DISTINCT id_type, id_value FROM identity_links
WHERE site = {{site:String}} AND other_type != '' AND ({IS_OWN % ("other", "other")} OR {IS_OWN % ("id", "id")}
    OR (subject, event_id) IN arrayZip({{of:Array(String)}}, {{events:Array(String)}}))"""
# everybody that a row about these subjects or their conversions ever named
_PERSONS: Final = """
SELECT DISTINCT person_id FROM person_subjects WHERE site = {site:String} AND subject IN {subjects:Array(String)}
UNION DISTINCT
SELECT DISTINCT person_id FROM conversions WHERE site = {site:String} AND conversion_id IN
    (SELECT conversion_id FROM conversion_events WHERE site = {site:String} AND subject IN {subjects:Array(String)})"""


class Erasure(msgspec.Struct, frozen=True):
    """All that goes (`own` identifiers, `events` with their `places`), and all that is derived anew because of it."""

    erasure_id: str
    site: str
    by: str
    own: list[Id]
    names: list[str]
    events: list[tuple[str, str]]
    places: list[Place]
    bad: list[Place]
    touched: list[Id]
    subjects: list[str]
    persons: list[str]

    found: bool = True
    """Whether any fact says something of the person."""

    @property
    def keys(self) -> set[tuple[str, str]]:
        """What to refresh."""
        return {(self.site, subject) for subject in self.subjects}


async def plan(warehouse: Warehouse, asked: Erase) -> Erasure:
    """Look everything up; nothing is changed."""
    site = {"site": asked.site}
    own = _ids(await warehouse.rows(OWN, {**site, "person": asked.person_id}))
    kind, _, value = asked.person_id.partition(":")
    # All links of an account may have been taken back: events still name it.
    if not own and not await warehouse.rows(_KNOWN, {**site, **bound_to([(kind, value)])}):
        own = [(kind, value)]
    held = _keys(own)
    found = await warehouse.rows(_EVENTS, {**site, "person": asked.person_id, "subjects": held})
    events = sorted({(str(row[3]), str(row[4])) for row in found})
    named = {**site, **bound_to(own)}
    of_events = {"of": [subject for subject, _ in events], "events": [event for _, event in events]}
    touched = _ids(await warehouse.rows(_TOUCHED, {**named, **of_events}))
    naming = await warehouse.rows(_NAMING, named)
    subjects = sorted({*held, *_keys(touched), *(subject for subject, _ in events), *(str(row[0]) for row in naming)})
    names = sorted({asked.person_id, *(f"{kind}:{value}" for kind, value in own)})
    persons = await warehouse.rows(_PERSONS, {**site, "subjects": subjects})
    bad = await bad_places(warehouse, asked.site, own, asked.phone_region)
    return Erasure(
        erasure_id=uuid.uuid4().hex, site=asked.site, by=asked.by, own=own, names=names, events=events,
        places=sorted({(int(row[0]), int(row[1]), int(row[2])) for row in found}),
        bad=bad, touched=touched, subjects=subjects, persons=sorted({*names, *(str(row[0]) for row in persons)}),
        found=bool(found or touched or naming or bad),
    )  # fmt: skip


def bound_to(ids: Sequence[Id]) -> dict[str, list[str]]:
    """Identifiers as the parameters of `IS_OWN`."""
    return {"types": [kind for kind, _ in ids], "values": [value for _, value in ids]}


async def keep(warehouse: Warehouse, erasure: Erasure) -> None:
    """Write it down."""
    await warehouse.insert(
        "erasing",
        {"erasure_id": [erasure.erasure_id], "plan": [msgspec.json.encode(erasure).decode()]},
        PLAN_TYPES,
    )


async def unfinished(warehouse: Warehouse) -> list[Erasure]:
    """Erasures that were begun and not ended."""
    rows = await warehouse.rows("SELECT plan FROM erasing ORDER BY erasure_id")
    return [msgspec.json.decode(row[0], type=Erasure) for row in rows]


def _ids(rows: Iterable[tuple[Any, ...]]) -> list[Id]:
    return sorted({(str(kind), str(value)) for kind, value in rows})


def _keys(ids: Iterable[Id]) -> list[str]:
    return [key for kind, value in ids for key in keys_of(kind, value)]
