"""Erase a person: the facts first, so that nothing can be derived from them again, then what was derived.

What only this person held goes as a whole; of a shared device only this person's events go. Mutations rewrite the parts:
nothing of the rows stays on disk once they are done, neither tombstones nor what former refreshes wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from consumers.enrich.identifiers import keys_of
from consumers.identity.erased import bad_fingerprint, fingerprint
from consumers.identity.erasure import IS_OWN, LESS_OWN, NAMES_OWN, Erasure, bound_to
from consumers.identity.places import at_places
from consumers.refresh.order import at_once
from consumers.warehouse.contract import Warehouse

# The text of a mutation names the person, and is kept long after it is done: told apart by the erasure, it is taken away.
_MUTATION: Final = (
    "ALTER TABLE {table} {change} WHERE site = {{site:String}} AND {{erasure:String}} != '' AND {condition} "
    "SETTINGS mutations_sync = 2"
)
_OF_SUBJECTS: Final = "subject IN {subjects:Array(String)}"
_OF_PERSONS: Final = "person_id IN {persons:Array(String)}"
_AMONG: Final = "(toString(id_type), id_value) IN arrayZip({%s_types:Array(String)}, {%s_values:Array(String)})"
_IS_OWN: Final = IS_OWN % ("id", "id")
_OF_TOUCHED: Final = f"({_IS_OWN} OR {_AMONG % ('touched', 'touched')})"
_NAMES: Final = "{names:Array(String)}"
_OWNER_NAMED: Final = f"hasAny(splitByString(', ', replaceOne(evidence, 'owned by ', '')), {_NAMES})"
# Of whom a derived table's rows are that were derived anew, and which go whatever their version.
_DERIVED: Final = {
    **dict.fromkeys(("event_duplicates", "sessions", "touchpoints", "stage_events", "conversion_events"), (_OF_SUBJECTS, "")),
    **dict.fromkeys(("conversions", "touch_sessions", "conversion_paths", "open_paths"), (_OF_PERSONS, "")),
    # what hung on the person's identifiers was derived again too; its former versions still name the person
    **dict.fromkeys(("identities", "identity_owners"), (_OF_TOUCHED, f"{_IS_OWN} OR hasAny(owners, {_NAMES})")),
    "identity_quarantine": (_OF_TOUCHED, f"{_IS_OWN} OR (rule = 'shared' AND {_OWNER_NAMED})"),
}  # fmt: skip
# What is told of somebody beside what is derived.
_BESIDE: Final = {
    "person_subjects": f"(person_id IN {_NAMES} OR subject IN {{held:Array(String)}})",
    **dict.fromkeys(("refreshes", "set_aside"), f"(key IN {_NAMES} OR key IN {{held:Array(String)}})"),
}


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
    own = f"({_IS_OWN} OR {IS_OWN % ('other', 'other')})"

    async def events() -> None:
        await _delete_at(warehouse, "events", erasure)
        if await _are_any(warehouse, "events", NAMES_OWN, bound):
            await _mutate(warehouse, "events", f"UPDATE {LESS_OWN}", NAMES_OWN, bound)

    async def links() -> None:
        await _delete_at(warehouse, "identity_links", erasure)
        await _delete(warehouse, "identity_links", own, bound)

    async def bad_events() -> None:
        for condition, places in at_places(erasure.bad):
            await _delete(warehouse, "bad_events", condition, {**bound, **places})

    await at_once((events(), links(), bad_events(), _delete(warehouse, "identity_retractions", own, bound)))
    await _forget_retractions(warehouse, erasure)


async def _delete_at(warehouse: Warehouse, table: str, erasure: Erasure) -> None:
    for condition, places in at_places(erasure.places):
        await _delete(warehouse, table, condition, {**_whose(erasure), **places})


async def _forget_retractions(warehouse: Warehouse, erasure: Erasure) -> None:
    """Those of erased events. An event of somebody else that has the same id keeps its own."""
    retracted = await warehouse.rows(
        "SELECT DISTINCT event_id FROM identity_retractions WHERE site = {site:String} AND event_id != ''",
        {"site": erasure.site},
    )
    ids = {str(row[0]) for row in retracted} & {event for _, event in erasure.events}
    if not ids:
        return
    remaining = await warehouse.rows(
        "SELECT DISTINCT event_id FROM events WHERE site = {site:String} AND event_id IN {ids:Array(String)}",
        {"site": erasure.site, "ids": sorted(ids)},
    )
    gone = sorted(ids - {str(row[0]) for row in remaining})
    await _delete(warehouse, "identity_retractions", "event_id != '' AND event_id IN {ids:Array(String)}",
                  {**_whose(erasure), "ids": gone})  # fmt: skip


async def erase_derived(warehouse: Warehouse, erasure: Erasure, version: int) -> None:
    """Remove what was derived before `version`, the time at which all that is left was derived again. Outdated rows are gone from
    a table before the tombstones that hide them, so that no row comes back."""
    bound = {**_bound(erasure), "version": version}
    gone = await _untold(warehouse, erasure)

    async def derived(table: str, whose: str, anyway: str) -> None:
        await _delete(warehouse, table, f"{whose} AND version < {{version:UInt64}}", bound)
        buried = f"({whose} AND is_deleted)"
        if table == "identity_owners" and gone:
            anyway = f"{anyway} OR {_AMONG % ('gone', 'gone')}"
        await _delete(warehouse, table, f"({buried} OR {anyway})" if anyway else buried, {**bound, **gone})

    await at_once(
        (
            *(derived(table, whose, anyway) for table, (whose, anyway) in _DERIVED.items()),
            *(_delete(warehouse, table, condition, bound) for table, condition in _BESIDE.items()),
        )
    )


async def _untold(warehouse: Warehouse, erasure: Erasure) -> Mapping[str, list[str]]:
    """Identifiers that only the person's events named: nothing is told of them any more."""
    known = await warehouse.rows(
        f"SELECT id_type, id_value FROM identities FINAL WHERE site = {{site:String}} AND {_IS_OWN}",
        {"site": erasure.site, **bound_to(erasure.touched)},
    )
    gone = sorted(set(erasure.touched) - {(str(kind), str(value)) for kind, value in known})
    return {f"gone_{name}": values for name, values in bound_to(gone).items()} if gone else {}


async def forget_mutations(warehouse: Warehouse, erasure: Erasure) -> None:
    """Take away what the engine keeps of the mutations, which are done."""
    done = f"database = '{warehouse.database}' AND is_done AND position(command, '{erasure.erasure_id}') > 0"
    await warehouse.command(f"KILL MUTATION WHERE {done} SYNC")


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
        "ALTER TABLE erasing DELETE WHERE erasure_id = {id:String} SETTINGS mutations_sync = 2",
        {"id": erasure.erasure_id},
    )


def _whose(erasure: Erasure) -> dict[str, Any]:
    return {"site": erasure.site, "erasure": erasure.erasure_id}


def _bound(erasure: Erasure) -> dict[str, Any]:
    return {
        **_whose(erasure), **bound_to(erasure.own),
        **{f"touched_{name}": values for name, values in bound_to(erasure.touched).items()},
        "names": erasure.names, "subjects": erasure.subjects, "persons": erasure.persons,
        "held": [key for kind, value in erasure.own for key in keys_of(kind, value)],
    }  # fmt: skip


async def _delete(warehouse: Warehouse, table: str, condition: str, bound: Mapping[str, Any]) -> None:
    """A mutation is work for every part of a table, whatever it finds there: none where there is nothing."""
    if await _are_any(warehouse, table, condition, bound):
        await _mutate(warehouse, table, "DELETE", condition, bound)


async def _are_any(warehouse: Warehouse, table: str, condition: str, bound: Mapping[str, Any]) -> bool:
    sql = f"SELECT 1 FROM {table} WHERE site = {{site:String}} AND {condition} LIMIT 1"
    return bool(await warehouse.rows(sql, _used(sql, bound)))


async def _mutate(warehouse: Warehouse, table: str, change: str, condition: str, bound: Mapping[str, Any]) -> None:
    sql = _MUTATION.format(table=table, change=change, condition=condition)
    await warehouse.command(sql, _used(sql, bound))


def _used(sql: str, bound: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in bound.items() if f"{{{name}:" in sql}
