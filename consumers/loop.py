"""The consumer loop: read → enrich → load → refresh → commit. The commit is the last step, so a crash repeats, never skips.

Three things go on at once: the next batch is read and enriched in a thread, facts of the present one are inserted, and
what the batches before made dirty is derived. Under backlog many loads share one refresh: the further behind, the
cheaper each event.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, Protocol, TypeVar

import msgspec
import structlog

from consumers.enrich.facts import facts_of
from consumers.enrich.steps import Lookups
from consumers.load import Load, Loader, load_of
from consumers.progress import places
from consumers.refresh.refresher import Refresher
from consumers.warehouse.contract import WarehouseError
from eventlog.contract import Batch, Log, Reader

GROUP: Final = "netiv"
LOADED: Final = "loaded"
IDLE_WAIT_S: Final = 0.5
DRAIN_S: Final = 60.0


class Pace(msgspec.Struct, frozen=True):
    """How much is read at once, and after how many events a refresh is due even under backlog."""

    records_max: int = 20_000
    bytes_max: int = 64 * 1024**2
    refresh_records_max: int = 200_000


T = TypeVar("T")


class Follower(Protocol):
    """Who wants to know which (site, subject) keys become dirty, before their facts land."""

    async def mark(self, subjects: Collection[tuple[str, str]]) -> None: ...


class Reassigned(Exception):
    """The reader was given other partitions: find the place in each again."""


class Loop:
    """One consumer."""

    def __init__(self, log: Log, loader: Loader, refresher: Refresher, lookups: Lookups, pace: Pace) -> None:
        self._log = log
        self._loader = loader
        self._refresher = refresher
        self._lookups = lookups
        self._pace = pace
        self._ends: dict[int, int] = {}
        self._unrefreshed = 0
        self._refreshing: asyncio.Task[None] | None = None
        self._followers: list[Follower] = []
        self._waiting: list[asyncio.Future[int]] = []
        self.before_refresh: Callable[[], Awaitable[None]] | None = None
        self._asked: list[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = []
        self._events = structlog.get_logger("netiv.consumer")

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then go on until nothing waits or `DRAIN_S` have passed."""
        reader = await self._log.reader(GROUP)
        try:
            while True:
                assignment = await self._resume(reader)
                try:
                    return await self._consume(reader, assignment, stop)
                except Reassigned:
                    continue
        finally:
            await reader.close()

    async def between_refreshes(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do some work on the tables when everything loaded is derived and committed, and nothing is being derived."""
        waiting: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.append((work, waiting))
        return await waiting

    async def derived(self, mark: Callable[[], Awaitable[None]]) -> int:
        """Mark keys, and return when they are derived and committed; loading goes on meanwhile. How many subjects."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            await mark()
            self._unrefreshed += 1
            self._waiting.append(done)

        await self.between_refreshes(work)
        return await done

    def follow(self, follower: Follower) -> None:
        """From the next load on, tell it which keys become dirty. To be called between refreshes."""
        self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        """Tell it no more."""
        self._followers = [one for one in self._followers if one is not follower]

    async def _do_what_was_asked(self, reader: Reader) -> None:
        if not self._asked:
            return
        await self._begin_refresh(reader, always=True)
        await self._end_refresh()
        asked, self._asked = self._asked, []
        for work, waiting in asked:
            try:
                done = await work()
            except WarehouseError as error:
                if not waiting.done():
                    waiting.set_exception(error)
                raise
            if not waiting.done():
                waiting.set_result(done)

    async def _resume(self, reader: Reader) -> int:
        """Find the place in every assigned partition, and first derive what was inserted but perhaps not derived."""
        assignment, partitions = await reader.assigned()
        committed = await reader.committed()
        generation = self._log.generation
        loaded = {partition: await self._loader.loaded_until(generation, partition) for partition in partitions}
        self._ends = {}
        for place in places({partition: committed.get(partition, 0) for partition in partitions}, loaded):
            await reader.seek(place.partition, place.resume_at)
            self._ends[place.partition] = place.resume_at
            if place.unrefreshed:
                bound = {"gen": generation, "part": place.partition, "since": place.committed}
                await self._refresher.mark_where(
                    "log_gen = {gen:UInt32} AND log_part = {part:UInt16} AND log_off >= {since:UInt64}", bound
                )
                self._unrefreshed += place.loaded - place.committed
        self._events.info("resumed", partitions=len(partitions), unrefreshed=self._unrefreshed)
        await self._begin_refresh(reader, always=True)
        await self._end_refresh()
        return assignment

    async def _consume(self, reader: Reader, assignment: int, stop: asyncio.Event) -> None:
        ahead = asyncio.create_task(self._next(reader, assignment, IDLE_WAIT_S))
        deadline = math.inf
        try:
            while True:
                load = await ahead
                if stop.is_set():
                    deadline = min(deadline, asyncio.get_running_loop().time() + DRAIN_S)
                ending = stop.is_set() and (load is None or asyncio.get_running_loop().time() > deadline)
                if not ending:
                    ahead = asyncio.create_task(self._next(reader, assignment, 0.0 if load else IDLE_WAIT_S))
                if load:
                    await self._load(load)
                await self._do_what_was_asked(reader)
                behind = load is not None and load.records >= self._pace.records_max
                full = self._unrefreshed >= self._pace.refresh_records_max
                if ending or full or (not behind and not self._busy):
                    await self._begin_refresh(reader)
                if ending:
                    await self._end_refresh()
                    return
        except Reassigned:
            # Others wait until this is done. Cut short, its statement would go on in the server, into tables of the next.
            await self._end_refresh()
            raise
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
            if self._refreshing:
                self._refreshing.cancel()
                await asyncio.gather(self._refreshing, return_exceptions=True)
                self._refreshing = None

    async def _next(self, reader: Reader, assignment: int, wait_s: float) -> Load | None:
        batch = await reader.read(self._pace.records_max, self._pace.bytes_max, wait_s)
        if batch.assignment != assignment:
            raise Reassigned
        return await asyncio.to_thread(self._enriched, batch) if batch.records else None

    def _enriched(self, batch: Batch) -> Load:
        ends: dict[int, int] = {}
        for stored in batch.records:
            ends[stored.position.partition] = stored.position.offset + 1
        return load_of(facts_of(batch.records, self._lookups), ends, len(batch.records))

    async def _load(self, load: Load) -> None:
        # The journal first: should facts land and this process die, the keys are known.
        await self._refresher.mark(load.dirty)
        for follower in self._followers:
            await follower.mark(load.dirty)
        await self._loader.insert(load)
        self._ends.update(load.ends)
        self._unrefreshed += load.records
        await self._log.mark(LOADED, self._ends)

    @property
    def _busy(self) -> bool:
        return self._refreshing is not None and not self._refreshing.done()

    async def _begin_refresh(self, reader: Reader, *, always: bool = False) -> None:
        """Derive, beside further loading, what is loaded by now; waits for the refresh before."""
        await self._end_refresh()
        if self._unrefreshed or always:
            if self.before_refresh:
                await self.before_refresh()
            work = self._refresh(reader, dict(self._ends), self._refresher.turn(), self._unrefreshed)
            self._refreshing = asyncio.create_task(work)
            self._unrefreshed = 0

    async def _end_refresh(self) -> None:
        if self._refreshing:
            await self._refreshing
            self._refreshing = None

    async def _refresh(self, reader: Reader, ends: dict[int, int], cycle: int, events: int) -> None:
        waiting, self._waiting = self._waiting, []
        subjects = await self._refresher.refresh(cycle)
        await reader.commit(ends)
        await self._refresher.clear(cycle)
        for one in waiting:
            if not one.done():
                one.set_result(subjects)
        self._events.debug("derived", events=events, subjects=subjects)
