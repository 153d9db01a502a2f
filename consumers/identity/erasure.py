"""What an erasure removes: found once, kept until it is done, so that one which is cut short can be brought to its end."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from consumers.enrich.identifiers import keys_of
from consumers.identity.bad import bad_places
from consumers.identity.places import at_places
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
    (SELECT subject, event_id FROM events_with_persons WHERE site = {site:String} AND person_id IN {persons:Array(String)}))"""
# What an event names beside its subject: others' events lose what is the person's.
OWN_USER: Final = f"('user_id', user_id) {_AMONG_OWN}"
OWN_CLICK: Final = f"(toString(click_id_type), click_id) {_AMONG_OWN}"
_IS_OWN_ENTRY: Final = f"(toString(n), v) {_AMONG_OWN}"
NAMES_OWN: Final = f"({OWN_USER} OR {OWN_CLICK} OR arrayExists((n, v) -> {_IS_OWN_ENTRY}, mapKeys(identifiers), mapValues(identifiers)))"
LESS_OWN: Final = (
    f"identifiers = mapFilter((n, v) -> NOT {_IS_OWN_ENTRY}, identifiers), "
    f"user_id = if({OWN_USER}, '', user_id), click_id = if({OWN_CLICK}, '', click_id)"
)
# What only these persons hold, and who.
_HELD: Final = """
SELECT id_type, id_value, if(owners = [''], [if(device_group = '', concat(id_type, ':', id_value), device_group)], owners) AS held_by
FROM identities FINAL
WHERE site = {site:String} AND NOT suppressed AND notEmpty(owners) AND hasAll({persons:Array(String)}, held_by)"""
# What only one person holds.
OWN: Final = f"SELECT id_type, id_value FROM ({_HELD.replace('{persons:Array(String)}', '[{person:String}]')})"
# Identifiers that the tables know as somebody's, or refuse: of others their own name is all that there is of a person.
_KNOWN: Final = f"""
SELECT id_type, id_value FROM identities FINAL WHERE site = {{site:String}} AND {IS_OWN % ("id", "id")}
UNION ALL
SELECT id_type, id_value FROM identity_quarantine FINAL
WHERE site = {{site:String}} AND {IS_OWN % ("id", "id")} AND rule = 'blocked'"""
_NAMING: Final = f"SELECT DISTINCT subject FROM events WHERE site = {{site:String}} AND {NAMES_OWN}"
_TOUCHED: Final = f"""
SELECT DISTINCT id_type, id_value FROM identity_links
WHERE site = {{site:String}} AND other_type != '' AND ({IS_OWN % ("other", "other")} OR {IS_OWN % ("id", "id")}
    OR {{places}})"""
_WHOSE: Final = "SELECT DISTINCT person_id FROM events_with_persons WHERE site = {site:String} AND person_id IN {persons:Array(String)}"
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

    nobody: list[str] = []
    """Those that were asked for of whom no fact says anything."""

    @property
    def keys(self) -> set[tuple[str, str]]:
        """What to refresh."""
        return {(self.site, subject) for subject in self.subjects}


async def plan(warehouse: Warehouse, asked: Erase) -> Erasure:
    """Look everything up; nothing is changed."""
    site = {"site": asked.site}
    held = await warehouse.rows(_HELD, {**site, "persons": asked.persons})
    holders = {str(person) for *_, persons in held for person in persons}
    # All links of an account may have been taken back: events still name it.
    called = {_id_of(person): person for person in asked.persons}
    known = _ids(await warehouse.rows(_KNOWN, {**site, **bound_to(list(called))}))
    unknown = called.keys() - {*known, *((str(kind), str(value)) for kind, value, _ in held)}
    own = sorted({*_ids((kind, value) for kind, value, _ in held), *unknown})
    keys = _keys(own)
    found = await warehouse.rows(_EVENTS, {**site, "persons": asked.persons, "subjects": keys})
    events = sorted({(str(row[3]), str(row[4])) for row in found})
    places = sorted({(int(row[0]), int(row[1]), int(row[2])) for row in found})
    named = {**site, **bound_to(own)}
    touched = await _touched(warehouse, named, places)
    naming = await warehouse.rows(_NAMING, named)
    subjects = sorted({*keys, *_keys(touched), *(subject for subject, _ in events), *(str(row[0]) for row in naming)})
    names = sorted({*asked.persons, *(f"{kind}:{value}" for kind, value in own)})
    persons = await warehouse.rows(_PERSONS, {**site, "subjects": subjects})
    told = {*holders, *(f"{kind}:{value}" for kind, value in touched if (kind, value) in unknown)}
    bad = await bad_places(warehouse, asked.site, own, asked.phone_region)
    return Erasure(
        erasure_id=uuid.uuid4().hex, site=asked.site, by=asked.by, own=own, names=names, events=events,
        places=places, bad=bad, touched=touched, subjects=subjects, persons=sorted({*names, *(str(row[0]) for row in persons)}),
        nobody=[] if bad and len(called) == 1 else await _nobody(warehouse, asked, told, own),
    )  # fmt: skip


async def _nobody(warehouse: Warehouse, asked: Erase, told: Collection[str], own: Collection[Id]) -> list[str]:
    """Of whom nothing is `told`, no event is theirs, and none names them by what is theirs alone."""
    left = [person for person in asked.persons if person not in told]
    if not left:
        return []
    theirs = {str(person) for (person,) in await warehouse.rows(_WHOSE, {"site": asked.site, "persons": left})}
    nobody = []
    for person in left:
        named = {"site": asked.site, **bound_to([_id_of(person)])}
        is_named = _id_of(person) in own and bool(await warehouse.rows(f"{_NAMING} LIMIT 1", named))
        if not (person in theirs or is_named):
            nobody.append(person)
    return nobody


async def _touched(warehouse: Warehouse, named: Mapping[str, Any], places: Sequence[Place]) -> list[Id]:
    found: list[Id] = []
    for condition, bound in (("0", {}), *at_places(places)):
        found += _ids(await warehouse.rows(_TOUCHED.replace("{places}", condition), {**named, **bound}))
    return sorted(set(found))


def _id_of(person: str) -> Id:
    kind, _, value = person.partition(":")
    return kind, value


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
