"""Inserts of facts where several processes share the tables: only the newest claimant of a log partition gets any in, be it events
or links, bad events and costs.

A consumer that was frozen or cut off may lose a partition without knowing. So every insert asks, within its own
statement, whether the claim on its partition is still this consumer's. Taking a partition over is: claim it, wait until
no insert of the former owner runs, read how far the facts go. An insert that began before the claim is waited for, one
that begins after it puts in nothing: no moment is left for a double. Knows SQL, nothing of Kafka.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Final

import msgspec

from consumers.enrich.row import BAD_TYPES, COST_TYPES, EVENT_TYPES, LINK_TYPES, MENDED_TYPES
from consumers.load import Fenced, Load, Loader, Run
from consumers.warehouse.block import INSERT_SETTINGS, Block
from consumers.warehouse.contract import Warehouse, WarehouseUnavailable

LOOK_AGAIN_S: Final = 0.1
# A block of facts goes in within seconds; one that takes longer is a matter for whoever looks after the server.
FOREIGN_INSERT_S: Final = 60.0
BESIDE_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "bad_events": BAD_TYPES,
    "ad_costs": COST_TYPES,
    "bad_events_mended": MENDED_TYPES,
    "identity_links": LINK_TYPES,
}
Place = tuple[int, int]  # a generation of the log and a partition


class Claimant(msgspec.Struct, frozen=True):
    """Who inserts: a name nobody else ever has (not even this process after a restart), and its working database."""

    owner: str
    scratch: str


class FencedLoader(Loader):
    """A loader beside others. Blocks go into a working table first; one statement moves them over, if the claim stands."""

    def __init__(self, warehouse: Warehouse, wait: Callable[[float], Awaitable[None]], claimant: Claimant) -> None:
        super().__init__(warehouse, wait)
        self._claimant = claimant
        self._staging = f"{claimant.scratch}.loading"
        self._attempts = itertools.count(1)
        self._generation = 0

    async def claim(self, generation: int, partitions: Collection[int]) -> None:
        """Take these partitions over: on return nobody else inserts facts of them. Raises `WarehouseUnavailable`."""
        await self._make_staging()
        self._generation = generation
        if not partitions:
            return
        places = ", ".join(str(partition) for partition in sorted(partitions))
        await self._warehouse.command(
            f"INSERT INTO log_claims (log_gen, log_part, epoch, owner) SELECT {generation}, part, "
            "greatest(toUInt64(toUnixTimestamp64Micro(now64(6))), "
            f"(SELECT max(epoch) FROM log_claims WHERE log_gen = {generation}) + 1), '{self._claimant.owner}' "
            f"FROM (SELECT arrayJoin([{places}]) AS part)"
        )
        await self._until_quiet([mark(generation, partition) for partition in partitions])

    async def insert(self, load: Load) -> None:
        """As `Loader.insert`. Raises `Fenced` when another consumer has one of the partitions: what went in is right, what
        didn't is the other's."""
        places = self._places(load)
        await self._insert_beside(load)
        await self._require(places)  # or events of a partition that is still ours went in without what belongs to them
        await self._insert_runs(load)
        await self._require(places)

    async def _insert_beside(self, load: Load) -> None:
        # Of one who wakes up late, too, nothing: what was erased meanwhile would come back.
        places = self._places(load)
        for table, block in load.beside():
            await self._answered(partial(self._move, table, BESIDE_TYPES[table], block, places))

    async def _put(self, run: Run) -> None:
        await self._move("events", EVENT_TYPES, run.block, {(run.generation, run.partition)})

    async def _move(self, table: str, types: Mapping[str, str], block: Block, places: Collection[Place]) -> None:
        """One statement puts a block in, if all these claims stand."""
        # A table of its own for each attempt: what an earlier one may still put in is not of this one.
        staging = f"{self._staging}_{next(self._attempts)}"
        columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
        await self._warehouse.command(f"CREATE TABLE {staging} ({columns}) ENGINE = Memory")
        await self._warehouse.insert_block(staging, block)
        settings = ", ".join(f"{name} = '{value}'" for name, value in {**INSERT_SETTINGS, "max_threads": "1"}.items())
        names, marks = ", ".join(types), " ".join(mark(*place) for place in sorted(places))
        await self._warehouse.command(
            f"INSERT INTO {table} ({names}) SETTINGS {settings} SELECT {names} FROM {staging} "
            f"WHERE {self._fence(places)} AND '{marks}' != ''"
        )
        # A server that began anew in between has put in what its memory still held: nothing. Rows that are there now were there then.
        [(kept,)] = await self._warehouse.rows(f"SELECT count() FROM {staging}")
        if kept != block.rows:
            raise WarehouseUnavailable("The ClickHouse server began anew while facts were put in")
        await self._warehouse.command(f"DROP TABLE {staging}")

    async def _arrived(self, run: Run) -> bool:
        """After an insert with an unknown outcome: it is over now; is it in?"""
        await self._answered(lambda: self._until_quiet([mark(run.generation, run.partition)]))
        return await super()._arrived(run)

    def _fence(self, places: Collection[Place]) -> str:
        """Whether all these claims are ours, in SQL."""
        wanted = ", ".join(f"({generation}, {partition})" for generation, partition in sorted(places))
        return (
            f"(SELECT countIf(newest = '{self._claimant.owner}') FROM (SELECT argMax(owner, epoch) AS newest FROM log_claims "
            f"WHERE (log_gen, log_part) IN ({wanted}) GROUP BY log_gen, log_part)) = {len(places)}"
        )

    def _places(self, load: Load) -> set[Place]:
        """All that a load is of: its bad events, costs and links may be of partitions without an event."""
        of_runs = {(run.generation, run.partition) for run in load.runs}
        return of_runs | {(self._generation, partition) for partition in load.ends}

    async def _require(self, places: Collection[Place]) -> None:
        """Raises `Fenced` unless all these claims are still ours: then they were when the inserts looked."""
        if not places:
            return
        [(ours,)] = await self._answered(lambda: self._warehouse.rows(f"SELECT {self._fence(places)}"))
        if not ours:
            raise Fenced

    async def _until_quiet(self, marks: Collection[str]) -> None:
        """Wait until no insert with one of these marks runs. Raises `WarehouseUnavailable` when one goes on and on."""
        # Cut in two, or the question would find itself.
        wanted = " OR ".join(f"position(query, concat('{each[:6]}', '{each[6:]}')) > 0" for each in marks)
        waited_s = 0.0
        while (await self._warehouse.rows(f"SELECT count() FROM system.processes WHERE {wanted}"))[0][0]:
            if waited_s > FOREIGN_INSERT_S:
                raise WarehouseUnavailable("An insert of a former consumer of this partition does not end")
            await self._wait(LOOK_AGAIN_S)
            waited_s += LOOK_AGAIN_S

    async def _make_staging(self) -> None:
        """Its database; what attempts that failed have left there goes."""
        scratch = self._claimant.scratch
        await self._warehouse.command(f"CREATE DATABASE IF NOT EXISTS {scratch}")
        left = await self._warehouse.rows(
            "SELECT name FROM system.tables WHERE database = {scratch:String} AND startsWith(name, 'loading_')",
            {"scratch": scratch},
        )
        for (name,) in left:
            await self._warehouse.command(f"DROP TABLE IF EXISTS {scratch}.{name}")


def mark(generation: int, partition: int) -> str:
    """What the text of every insert of facts of this partition holds."""
    return f"netiv-facts:{generation}:{partition}:"
