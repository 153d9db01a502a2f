"""The embedded log: the `Log` contract on one SQLite file. Composition root of this package; no SQL here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from eventlog.clock import epoch_ms
from eventlog.contract import LogFull, LogUnavailable, Position, Record, Stored, Waiter
from eventlog.embedded import progress, query, retention
from eventlog.embedded.file import Database, Origin, connect, prepare, require_same, used_bytes
from eventlog.embedded.locks import ReaderLock, WriterLock
from eventlog.embedded.news import News
from eventlog.embedded.queries import Queries
from eventlog.embedded.reader import EmbeddedReader, Membership
from eventlog.embedded.room import Room
from eventlog.embedded.writer import Outcome, Request, Site, Writer, resolve
from eventlog.places import Run, check, positions, runs

BYTES_MAX: Final = 20 * 1024**3
# A commit that takes longer is given up (outcome unknown): the disk, or a process that holds the writer lock, hangs.
STALL_S: Final = 30.0
CLOSE_S: Final = 30.0


async def open_embedded_log(
    folder: Path, *, partitions: int = 1, bytes_max: int = BYTES_MAX, clock_ms: Callable[[], int] = epoch_ms
) -> EmbeddedLog:
    """Open the log in `folder`, making it when it isn't there. Raises `LogError`.

    `partitions` counts when the log is made; afterwards the file's number stands (`EmbeddedLog.partitions`).
    """
    origin = await asyncio.to_thread(prepare, folder, partitions)
    return EmbeddedLog(folder, origin, bytes_max, clock_ms)


class EmbeddedLog:
    """Belongs to the event loop it was opened on; any number of processes may have the same folder open."""

    def __init__(self, folder: Path, origin: Origin, bytes_max: int, clock_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._origin = origin
        self._generation = origin.generation
        self._clock_ms = clock_ms
        self._connect = partial(connect, folder)
        self._news = News()
        self._require_same = partial(require_same, folder, origin)
        self._queries = Queries(self._connect, self._require_same)
        self._readers: set[EmbeddedReader] = set()
        self._loop = asyncio.get_running_loop()
        self._room = Room(folder, bytes_max, origin.partitions)
        lock = WriterLock(folder)
        site = Site(self._connect, self._require_same, lock, self._room, origin.partitions, clock_ms)
        self._writer = Writer(site, self._loop, self._resolve)
        self._watch = self._loop.call_later(1.0, self._look_after_writer)
        self._gathered: list[Request] = []
        self._closed = False  # takes nothing more
        self._ended = False

    @property
    def generation(self) -> int:
        """Made with the file, 1 to 2**32 - 1."""
        return self._generation

    @property
    def partitions(self) -> int:
        """As decided when the file was made."""
        return self._origin.partitions

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append all or none, durably."""
        if not records:
            return []
        future: asyncio.Future[Sequence[int]] = self._loop.create_future()
        self.submit(records, future)
        return self.positions(await future)

    def submit(self, records: Sequence[Record], waiter: Waiter) -> None:
        """See `DirectLog.submit`.

        What one turn of the loop submits goes to the writer together: one wake-up, one group."""
        if self._closed:
            raise LogUnavailable("The log is closed")
        writer = self._writer
        if writer.full_until and time.monotonic() < writer.full_until:
            raise LogFull("The log is full")
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append((waiter, records))

    def positions(self, places: Sequence[int]) -> list[Position]:
        """Places as positions."""
        return positions(self._generation, places)

    def runs(self, places: Sequence[int]) -> list[Run]:
        """Places as runs of neighbours."""
        return runs(self._generation, places)

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._writer.append(gathered)

    async def reader(self, group: str) -> EmbeddedReader:
        """The group's reader. Raises `LogError` while another one lives, here or in another process."""
        lock = await asyncio.to_thread(ReaderLock, self._folder, group)
        try:
            starts = await self.committed(group)
        except BaseException:
            lock.close()
            raise
        commit = partial(self._commit, group)
        membership = Membership(group, self._origin, lock, self._news, commit, self._readers.discard)
        reader = EmbeddedReader(membership, Queries(self._connect, self._require_same), starts)
        self._readers.add(reader)
        return reader

    async def ends(self) -> dict[int, int]:
        """The next offset of every partition."""
        return await self._queries.run(query.heads, self.partitions)

    async def committed(self, group: str) -> dict[int, int]:
        """The group's commits (or the marks of this name)."""
        return await self._queries.run(query.committed, group, self.partitions)

    async def oldest_unread_at(self, group: str) -> dict[int, int]:
        """When the oldest record beyond the group's commits was appended."""
        return await self._queries.run(query.oldest_unread_at, group, self.partitions)

    async def read_from(self, partition: int, offset: int, records_max: int, bytes_max: int) -> list[Stored]:
        """Look at records without joining a group."""
        check({partition: offset}, self.partitions)
        return await self._queries.run(query.read, self._origin, (partition, offset), records_max, bytes_max)

    async def used_bytes(self) -> int:
        """Bytes of the file that hold something: what its limit is about."""
        return await self._queries.run(used_bytes)

    async def mark(self, name: str, offsets: Mapping[int, int]) -> None:
        """Publish progress, durably."""
        check(offsets, self.partitions)
        await self._submit(partial(progress.mark, name=name, offsets=dict(offsets)))

    async def retain(self, age_max_s: float, bytes_max: int, groups: Sequence[str]) -> int:
        """Drop what is old or too much, a little at a time."""
        await self._submit(partial(retention.remember, groups=tuple(groups)))
        now = self._clock_ms()
        policy = retention.Policy(now - int(age_max_s * 1000), bytes_max, tuple(groups), now)
        dropped = 0
        while step := await self._submit(partial(retention.drop, policy=policy, partitions=self.partitions)):
            dropped += step
        self._room.forget()
        self._writer.full_until = 0.0
        return dropped

    async def close(self) -> None:
        """Store what waits and end. Raises `LogUnavailable` when the disk hangs."""
        self._closed = True
        self._hand_over()
        await asyncio.to_thread(self.close_blocking)

    def close_blocking(self) -> None:
        """The same without a loop (at exit, in a signal handler). More than once is fine."""
        if self._ended:
            return
        self._ended = self._closed = True
        self._watch.cancel()
        self._hand_over()
        for reader in tuple(self._readers):
            reader.release()
        ended = self._writer.close(CLOSE_S)
        self._queries.close()
        if not ended:
            raise LogUnavailable(f"The log's writer did not end within {CLOSE_S:.0f} s")

    async def _commit(self, group: str, offsets: Mapping[int, int]) -> None:
        await self._submit(partial(progress.commit, group=group, offsets=offsets))

    async def _submit(self, job: Callable[[Database], Any]) -> Any:
        if self._closed:
            raise LogUnavailable("The log is closed")
        return await self._writer.submit(job)

    def _resolve(self, outcomes: list[Outcome]) -> None:
        resolve(outcomes)
        self._news.tell()

    def _look_after_writer(self) -> None:
        since = self._writer.working_since
        if since is not None and time.monotonic() - since > STALL_S:
            self._writer.abandon("The log's disk does not answer")
        self._watch = self._loop.call_later(1.0, self._look_after_writer)
