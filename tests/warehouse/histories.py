"""What a pipeline makes of the same events, on any warehouse: every table and view after each stage, to be compared."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from hypothesis import given

from bench.traffic import records as traffic
from consumers.clock import now_us
from consumers.enrich.facts import facts_of
from consumers.identity.performing import Performer
from consumers.identity.requests import Erase, Unlink
from consumers.load import Loader, load_of
from consumers.lookups import make_lookups
from consumers.rebuild import TABLES, Successor
from consumers.refresh.refresher import Refresher
from consumers.rules.desk import put_in_force
from consumers.rules.files import Rules, load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from eventlog.contract import Position, Stored
from netiv.clickhouse import report_sql
from netiv.commands.report_journeys import REPORTS
from schemas.record import encode, key_of
from tests.model.driver import examples
from tests.model.worlds import Sent, records, worlds

FACTS = ("events", "identity_links", "bad_events", "identity_retractions")
PARTITIONS = 4
BATCHES = 2
EVENTS = 300
WORLDS = 6
# Versions and moments of deriving differ from run to run; retractions are numbered at random.
PASSING = {"version", "derived_at", "retraction_id", "created_at", "at"}
FILTERS = {
    "site": "shop",
    "since": "1970-01-02 00:00:00",
    "until": "2200-01-01 00:00:00",
    "limit": 1000,
    "conversion": "",
}
Snapshot = dict[str, list[str]]


def batches() -> list[list[Stored]]:
    """Traffic of a shop, and small worlds full of hard cases, each of sites of its own; the same at every call."""
    found: list[list[Sent]] = []

    @examples(WORLDS)
    @given(worlds())
    def collect(world: list[Sent]) -> None:
        found.append(world)

    collect()
    given_worlds = itertools.chain.from_iterable(records(world, f"w{n}") for n, world in enumerate(found[:WORLDS]))
    shop = [(record.key, record.value) for record in traffic(EVENTS, 60, 1)]
    hard = [(key_of(record.site, record.visitor_id), encode(record)) for record in given_worlds]
    stored = [
        Stored(Position(1, zlib.crc32(key) % PARTITIONS, offset), key, value, 0)
        for offset, (key, value) in enumerate(shop + hard)
    ]
    # each batch has some of every visitor: later ones change what earlier ones derived
    return [stored[number::BATCHES] for number in range(BATCHES)]


class Kind(msgspec.Struct, frozen=True):
    """How a pipeline works on a warehouse."""

    loader: Callable[[Warehouse], Loader]
    refresher: type[Refresher]
    scratch: str


async def history(warehouse: Warehouse, kind: Kind, asked: Warehouse | None = None) -> dict[str, Snapshot]:
    """The tables after each stage, and what readers get who ask `asked`. At the end the migrations run again, for nothing."""
    rules = load()
    assert await prepare_tables(warehouse, rules)
    refresher = kind.refresher(warehouse, rules, kind.scratch, warehouse.database, now_us)
    await refresher.prepare()
    await _stream(warehouse, kind.loader(warehouse), refresher)
    told = {"streamed": await snapshot(warehouse), "answered": await answers(asked or warehouse)}

    rules = _other(rules)
    successor = Successor(warehouse, rules, f"{warehouse.database}_next", now_us)
    await successor.begin()
    await successor.catch_up()
    await put_in_force(warehouse, successor, rules)
    await successor.discard()
    refresher.adopt(rules)
    told["under other rules"] = await snapshot(warehouse)

    performer = Performer(warehouse, refresher, now_us)
    assert (await performer.perform(Unlink("shop", ("user_id", "u0")))).count
    told["unlinked"] = await snapshot(warehouse)
    [(person,)] = await warehouse.rows(
        "SELECT max(person_id) FROM identities FINAL WHERE site = 'shop' AND startsWith(person_id, 'user_id:')"
    )
    assert (await performer.perform(Erase("shop", str(person)))).count
    told["erased"] = await snapshot(warehouse)

    assert await prepare_tables(warehouse, rules) == []
    return told


async def _stream(warehouse: Warehouse, loader: Loader, refresher: Refresher) -> None:
    lookups = make_lookups()
    await loader.claim(1, range(PARTITIONS))
    for batch in batches():
        one = load_of(facts_of(batch, lookups), {}, len(batch))
        await refresher.mark(one.dirty)
        await loader.insert(one)
        cycle = refresher.turn()
        await refresher.refresh(cycle)
        await refresher.clear(cycle)


def _other(rules: Rules) -> Rules:
    return msgspec.structs.replace(rules, sessions=msgspec.structs.replace(rules.sessions, gap_minutes=1))


async def snapshot(warehouse: Warehouse) -> Snapshot:
    """Every table of facts or derived rows: their rows as text, sorted."""
    found: Snapshot = {}
    for table in (*FACTS, *TABLES):
        columns = ", ".join(await _columns(warehouse, table))
        found[table] = _sorted(
            await warehouse.rows(f"SELECT {columns} FROM {table}{'' if table in FACTS else ' FINAL'}")
        )
    return found


async def answers(warehouse: Warehouse) -> Snapshot:
    """Every view without parameters, and every report: their rows as text, sorted."""
    views = await warehouse.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' AND startsWith(name, 'v_')"
    )
    found = {str(view): _sorted(await warehouse.rows(f"SELECT * FROM {view}")) for (view,) in views}
    for name in REPORTS:
        found[name] = _sorted(await warehouse.rows(report_sql(name), FILTERS))
    return found


def _sorted(rows: list[tuple[Any, ...]]) -> list[str]:
    # how far a sum of floats is rounded depends on its order
    return sorted(repr([round(value, 9) if isinstance(value, float) else value for value in row]) for row in rows)


async def _columns(warehouse: Warehouse, table: str) -> list[str]:
    rows = await warehouse.rows(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
        {"table": table},
    )
    return [str(name) for (name,) in rows if str(name) not in PASSING]


def differing(found: Snapshot, expected: Snapshot) -> Iterator[tuple[str, Any]]:
    """(table, some rows only found, some rows only expected)."""
    for table in expected.keys() | found.keys():
        mine, theirs = found.get(table, []), expected.get(table, [])
        if mine != theirs:
            yield table, (sorted({*mine} - {*theirs})[:3], sorted({*theirs} - {*mine})[:3], len(mine), len(theirs))


def alone() -> Kind:
    """As with an engine of one's own."""
    return Kind(lambda warehouse: Loader(warehouse, asyncio.sleep), Refresher, "netiv_scratch")
