"""Read the log again from an offset: load what the tables miss, as after a warehouse was restored from an older backup.

Consumers go on from their commits, which the log keeps, so what a restored warehouse lost is not read by itself. What is
in the tables stays as it is: reading again, or being cut short and asked once more, changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

from consumers.identity.erased import Erased, Fingerprints
from consumers.identity.requests import Reread
from consumers.load import Loader, Run
from consumers.lookups import make_lookups
from consumers.preparer import prepare
from consumers.warehouse.contract import Warehouse
from eventlog.contract import Log, Stored
from schemas.progress import GROUP

RECORDS_MAX: Final = 20_000
BYTES_MAX: Final = 64 * 1024**2
# Where a record went: one of these has its place in the log.
_KNOWN: Final = " UNION ALL ".join(
    f"SELECT log_off FROM {table} WHERE log_gen = {{gen:UInt32}} AND log_part = {{part:UInt16}} "
    "AND log_off BETWEEN {first:UInt64} AND {last:UInt64}"
    for table in ("events", "bad_events")
)


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
) -> int:
    """Load the facts that the tables miss of one partition, from an offset up to where its consumers are; how many. They
    are in the journal then. Raises `NoSuchPlace`."""
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
    return loaded


async def _missing(warehouse: Warehouse, records: list[Stored]) -> list[Stored]:
    first, last = records[0].position, records[-1].position
    bound = {"gen": first.generation, "part": first.partition, "first": first.offset, "last": last.offset}
    known = {int(offset) for (offset,) in await warehouse.rows(_KNOWN, bound)}
    return [one for one in records if one.position.offset not in known]
