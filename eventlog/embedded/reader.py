"""The one reader of a group. It looks for records often while some come, and rarely when none do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from eventlog.contract import Batch, LogUnavailable, Stored
from eventlog.embedded import query
from eventlog.embedded.file import Database, Origin
from eventlog.embedded.locks import ReaderLock
from eventlog.embedded.news import News
from eventlog.embedded.queries import Queries
from eventlog.places import check

# Between two looks for records of other processes: after a batch the first, then slower and slower up to the last.
LOOK_FIRST_S: Final = 0.005
LOOK_LAST_S: Final = 0.1
LOOK_SLOWDOWN: Final = 1.4
ASSIGNMENT: Final = 1  # the embedded reader has all partitions for life


class Membership(msgspec.Struct, frozen=True):
    """What a reader was given by its log."""

    group: str
    origin: Origin
    lock: ReaderLock
    news: News
    commit: Callable[[Mapping[int, int]], Awaitable[None]]
    closed: Callable[[EmbeddedReader], None]


class EmbeddedReader:
    """Starts at the group's commits."""

    def __init__(self, membership: Membership, queries: Queries, starts: Mapping[int, int]) -> None:
        self._membership = membership
        self._queries = queries
        self._next = dict(starts)
        self._turn = 0
        self._pause_s = LOOK_FIRST_S
        self._moves = 0
        self._closed = False

    async def assigned(self) -> tuple[int, frozenset[int]]:
        """All partitions, always."""
        return ASSIGNMENT, frozenset(self._next)

    async def committed(self) -> dict[int, int]:
        """The group's commits."""
        return await self._queries.run(query.committed, self._membership.group, len(self._next))

    async def seek(self, partition: int, offset: int) -> None:
        """Read on from `offset`."""
        check({partition: offset}, len(self._next))
        self._next[partition] = offset
        self._moves += 1

    async def read(self, records_max: int, bytes_max: int, wait_s: float) -> Batch:
        """What is there, or what comes within `wait_s`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while True:
            if self._closed:
                raise LogUnavailable("The reader is closed")
            moves = self._moves
            records = await self._queries.run(self._collect, dict(self._next), records_max, bytes_max)
            if moves != self._moves:  # somebody sought meanwhile: these are from the old place
                continue
            if records:
                return self._took(records)
            left_s = deadline - loop.time()
            if left_s <= 0:
                return Batch(ASSIGNMENT, [])
            await self._membership.news.wait(min(left_s, self._pause_s))
            self._pause_s = min(self._pause_s * LOOK_SLOWDOWN, LOOK_LAST_S)

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Durable on return."""
        check(offsets, len(self._next))
        await self._membership.commit(dict(offsets))

    async def close(self) -> None:
        """Let another reader of the group in. More than once is fine."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._queries.close)
            self.release()

    def release(self) -> None:
        """The part of closing that needs no loop."""
        self._closed = True
        self._queries.close()
        self._membership.lock.close()
        self._membership.closed(self)

    def _took(self, records: list[Stored]) -> Batch:
        for record in records:
            self._next[record.position.partition] = record.position.offset + 1
        self._turn = (self._turn + 1) % len(self._next)
        self._pause_s = LOOK_FIRST_S
        return Batch(ASSIGNMENT, records)

    def _collect(self, db: Database, places: dict[int, int], records_max: int, bytes_max: int) -> list[Stored]:
        """On the query thread. Each time another partition comes first, so that none starves."""
        found: list[Stored] = []
        partitions = len(places)
        for step in range(partitions):
            partition = (self._turn + step) % partitions
            place = (partition, places[partition])
            records = query.read(db, self._membership.origin, place, records_max - len(found), bytes_max)
            found += records
            if partitions > 1:
                bytes_max -= sum(len(record.key) + len(record.value) for record in records)
            if len(found) >= records_max or bytes_max <= 0:
                break
        return found
