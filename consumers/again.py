"""Read the log again from an offset: load what the tables miss, as after a warehouse was restored from an older backup.

Consumers go on from their commits, which the log keeps, so what a restored warehouse lost has to be looked for. A consumer that has the tables
to itself does when it starts; where several share them, somebody asks for it. What is in the tables stays as it is: reading again, or
being cut short and asked once more, changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, Protocol

import msgspec
import structlog

from consumers.identity.erased import Erased, Fingerprints
from consumers.identity.requests import Reread
from consumers.load import Loader, Run
from consumers.lookups import make_lookups
from consumers.preparer import prepare
from consumers.warehouse.contract import Warehouse
from eventlog.contract import Log, Position, Stored
from schemas.progress import GROUP

RECORDS_MAX: Final = 20_000
BYTES_MAX: Final = 64 * 1024**2
_WITHIN: Final = (
    "WHERE log_gen = {gen:UInt32} AND log_part = {part:UInt16} AND log_off BETWEEN {first:UInt64} AND {last:UInt64}"
)
# Where a record went: one of these tables has its place in the log.
_KNOWN: Final = " UNION ALL ".join(
    f"SELECT log_off FROM {table} {_WITHIN}" for table in ("events", "bad_events", "ad_costs")
)
_HOW_MANY_KNOWN: Final = (
    f"SELECT (SELECT count() FROM events {_WITHIN}) + (SELECT count() FROM bad_events FINAL {_WITHIN}) "
    f"+ (SELECT uniqExact(log_off) FROM ad_costs {_WITHIN})"
)
# Whether the tables are without facts, or have some of this log; else it is another log that they know.
_CONCERNED: Final = "SELECT (SELECT count() FROM events) = 0 OR (SELECT count() FROM (SELECT 1 FROM events WHERE log_gen = {gen:UInt32} LIMIT 1)) = 1"


class Loaded(msgspec.Struct, frozen=True):
    """What reading again came to: facts loaded; where the log began, and how many places before that no table knows (events that retention
    took, or what leaves no row there: what was erased, or told that something is mended)."""

    facts: int
    kept_from: int
    lacking: int


class NoSuchPlace(Exception):
    """The log was never divided into so many parts, or does not go so far; `hint` says what to ask for."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Journal(Protocol):
    """Who derives what is loaded."""

    async def mark(self, subjects: Collection[tuple[str, str, int]]) -> None: ...


class _Filler(Loader):
    """Loads what lies below others of its partition: an insert arrived when its own first row is there."""

    async def _arrived(self, run: Run) -> bool:
        question = (
            "SELECT count() FROM events WHERE log_gen = {gen:UInt32} AND log_part = {part:UInt16} "
            "AND log_off = {first:UInt64}"
        )
        bound = {"gen": run.generation, "part": run.partition, "first": run.first}
        rows = await self._answered(lambda: self._warehouse.rows(question, bound))
        return bool(rows[0][0])


async def load_missing(
    log: Log, warehouse: Warehouse, journal: Journal, asked: Reread, wait: Callable[[float], Awaitable[None]]
) -> Loaded:
    """Load the facts that the tables miss of one partition, from an offset up to where its consumers are. They are in the journal then.
    Raises `NoSuchPlace`."""
    committed, ends = await log.committed(GROUP), await log.ends()
    if asked.partition not in committed:
        last = len(committed) - 1
        raise NoSuchPlace(
            f"The log has no partition {asked.partition}: it has {len(committed)}, from 0 on.",
            "Write 0:OFFSET." if not last else f"Write 0:OFFSET, or another partition up to {last}.",
        )
    if asked.offset > ends[asked.partition]:
        raise NoSuchPlace(
            f"Partition {asked.partition} of the log ends at {ends[asked.partition]}.",
            f"Write {asked.partition}:OFFSET with an offset below that.",
        )
    end, offset, loaded = committed[asked.partition], asked.offset, 0
    oldest = await log.read_from(asked.partition, offset, 1, 1)
    kept_from = max(offset, min(end, oldest[0].position.offset if oldest else end))
    lacking = 0
    if kept_from > offset:
        bound = _bound(Position(log.generation, asked.partition, offset), kept_from - 1)
        [(known,)] = await warehouse.rows(_HOW_MANY_KNOWN, bound)
        lacking = max(0, kept_from - offset - known)
    lookups, erased = make_lookups(), Fingerprints(await Erased(warehouse).packed())
    loader = _Filler(warehouse, wait)
    while offset < end:
        read = await log.read_from(asked.partition, offset, RECORDS_MAX, BYTES_MAX)
        records = [one for one in read if one.position.offset < end]
        if not records:
            break
        missing = await _missing(warehouse, records)
        if missing:
            load = await asyncio.to_thread(prepare, missing, lookups, erased)
            await journal.mark(load.dirty)
            await loader.insert(load)
            loaded += sum(run.block.rows for run in load.runs) + sum(block.rows for block in load.bad)
        offset = records[-1].position.offset + 1
    return Loaded(loaded, kept_from, lacking)


async def load_lost(
    log: Log,
    warehouse: Warehouse,
    journal: Journal,
    places: tuple[Mapping[int, int], Mapping[int, int]],
    wait: Callable[[float], Awaitable[None]],
) -> None:
    """Where the facts end below the commits, `places` being (committed, loaded): load what the tables lost, and say so. They went back
    alone (an older copy, or none), or else what lies between left no facts, which is found out here as well."""
    committed, loaded = places
    for partition, offset in loaded.items():
        if offset >= committed.get(partition, 0):
            continue
        if not offset and not (await warehouse.rows(_CONCERNED, {"gen": log.generation}))[0][0]:
            continue  # a log that was given another number: its commits stand
        done = await load_missing(log, warehouse, journal, Reread(partition, offset), wait)
        if done.facts or done.lacking:
            structlog.get_logger("netiv.consumer").warning(
                "tables_went_back",
                partition=partition,
                since=offset,
                loaded=done.facts,
                lacking=done.lacking,
                hint="the tables were older than the log: what they lost was read again, but for what the log no longer keeps",
            )


async def _missing(warehouse: Warehouse, records: list[Stored]) -> list[Stored]:
    bound = _bound(records[0].position, records[-1].position.offset)
    known = {int(offset) for (offset,) in await warehouse.rows(_KNOWN, bound)}
    return [one for one in records if one.position.offset not in known]


def _bound(first: Position, last: int) -> dict[str, int]:
    return {"gen": first.generation, "part": first.partition, "first": first.offset, "last": last}
