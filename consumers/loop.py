"""The consumer loop: read → enrich → load → refresh → commit. The commit is the last step, so a crash repeats, never skips.

Three things go on at once: the next batches are read and enriched, facts of the present one are inserted, and what the
batches before made dirty is derived. Under backlog many loads share one refresh: the further behind, the
cheaper each event.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

import msgspec
import structlog

from consumers.load import Fenced, Load, Loader, passing
from consumers.metrics import ConsumerMetrics
from consumers.preparer import Preparer
from consumers.progress import places
from consumers.refresh.refresher import Refresher
from consumers.tracing import traces_of
from consumers.warehouse.contract import WarehouseError
from eventlog.contract import Batch, Log, LogWentBack, Reader
from eventlog.tracing import Spans
from schemas.progress import GROUP, LOADED

IDLE_WAIT_S: Final = 0.5
DRAIN_S: Final = 60.0
JOIN_S: Final = 5.0
# Batches that are read and not loaded yet: one for each process that enriches, and one for whichever is done first.
AHEAD_MAX: Final = 3
# What comes while a refresh is under way is derived by the next one at the earliest. Loading it bit by bit would only cost time (every
# load makes parts to be merged): it gathers for so long, or until the refresh is nearly done, so that the next one can follow at once.
GATHER_S: Final = 1.0
# So many full loads one after another are a backlog, where refreshes wait for more; a few are only a busy moment.
BEHIND_LOADS: Final = 4
# Where as much waits in the log as a refresh under backlog has, they wait for this many times more, and facts are not merged meanwhile.
# A visitor's refresh costs much the same for four new events as for twenty.
FAR_BEHIND: Final = 3


class Pace(msgspec.Struct, frozen=True):
    """How much is read at once, after how many events a refresh is due even under backlog, and for how long a consumer
    that is told to stop goes on with what waits (no longer than the batch in hand where others are there to go on)."""

    records_max: int = 20_000
    bytes_max: int = 64 * 1024**2
    refresh_records_max: int = 200_000
    drain_s: float = DRAIN_S


T = TypeVar("T")
# Given what is committed and what is loaded of each partition.
LookBack = Callable[[Mapping[int, int], Mapping[int, int]], Awaitable[None]]


class Asked(msgspec.Struct, frozen=True):
    """Work for between two refreshes, when everything up to `ends` is loaded."""

    work: Callable[[], Awaitable[Any]]
    answer: asyncio.Future[Any]
    ends: Mapping[int, int]


class Follower(Protocol):
    """Who wants to know which (site, subject, since) keys become dirty, before their facts land."""

    async def mark(self, subjects: Collection[tuple[str, str, int]]) -> None: ...


class Reassigned(Exception):
    """The reader was given other partitions, or the tables were changed: find the place in each partition again."""


class Loop:
    """One consumer."""

    def __init__(self, log: Log, loader: Loader, refresher: Refresher, preparer: Preparer, pace: Pace) -> None:
        self._log = log
        self._loader = loader
        self._refresher = refresher
        self._preparer = preparer
        self._pace = pace
        self._ends: dict[int, int] = {}
        self._unrefreshed = 0
        self._full_loads = 0
        self._far_behind = False
        self._refreshing: asyncio.Task[None] | None = None
        self._ending = False  # the refresh under way is nearly done
        self._wake = asyncio.Event()  # for a read that lets what comes gather
        self._ahead: deque[asyncio.Task[Load | None]] = deque()  # in the order of the log
        self._reading: asyncio.Task[Batch] | None = None
        self._newest: asyncio.Task[Batch] | None = None  # the reading of the last of those
        self._read_at = 0.0  # the event loop's time
        self._asked: list[Asked] = []
        self.metrics = ConsumerMetrics()
        self.spans = Spans()
        self._followers: list[Follower] = []
        self._loading = asyncio.Lock()  # from the mark of a load's keys until its facts are in the tables
        self._waiting: list[asyncio.Future[int]] = []
        self.before_refresh: Callable[[], Awaitable[None]] | None = None
        self.look_back: LookBack | None = None  # once, before anything is read
        self.placed = asyncio.Event()  # that is done: the log may drop what is committed
        self._events = structlog.get_logger("netiv.consumer")

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then go on until nothing waits or `Pace.drain_s` have passed."""
        reader = await self._join(stop)
        if reader is None:
            return None
        try:
            while True:
                if stop.is_set() and not self._pace.drain_s:
                    return None  # others go on: no need to wait until everybody has let go
                assignment = await self._resume(reader)
                try:
                    return await self._consume(reader, assignment, stop)
                except Reassigned:
                    continue
        finally:
            await self._preparer.stop()
            await reader.close()

    async def _join(self, stop: asyncio.Event) -> Reader | None:
        """A reader; None when `stop` was set and the log does not let us in soon (a group may be long in dealing out)."""
        joining = asyncio.ensure_future(self._log.reader(GROUP))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({joining, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({joining}, timeout=JOIN_S)
            if not joining.done():
                return None
            return joining.result()
        finally:
            stopping.cancel()
            if not joining.done():
                joining.cancel()
                await asyncio.wait({joining})

    async def between_refreshes(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do some work on the tables when everything acknowledged before is derived and committed, and nothing is being derived."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.append(Asked(work, answer, await self._log.ends()))
        return await answer

    async def derived(self, mark: Callable[[], Awaitable[None]]) -> int:
        """Mark keys, and return when they are derived and committed; loading goes on meanwhile. How many subjects."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            await mark()
            self._unrefreshed += 1
            self._waiting.append(done)

        await self.between_refreshes(work)
        return await done

    async def between_loads(self, work: Callable[[], T]) -> T:
        """Do something when the facts of every key that followers were told of are in the tables."""
        async with self._loading:
            return work()

    def follow(self, follower: Follower) -> None:
        """From the next load on, tell it which keys become dirty. To be called between refreshes."""
        self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        """Tell it no more."""
        self._followers = [one for one in self._followers if one is not follower]

    async def _do_what_was_asked(self, reader: Reader) -> None:
        """Raises `Reassigned` when anything was done: what is prepared by now may hold what was erased just then."""
        due = [one for one in self._asked if all(self._ends.get(part, end) >= end for part, end in one.ends.items())]
        if not due:
            return
        await self._begin_refresh(reader, always=True)
        await self._end_refresh()
        await self._loader.hold_merges(held=False)  # what was asked for may change facts
        self._asked = [one for one in self._asked if one not in due]
        for one in due:
            try:
                done = await one.work()
            except WarehouseError as error:
                if not one.answer.done():
                    one.answer.set_exception(error)
                raise
            if not one.answer.done():
                one.answer.set_result(done)
        raise Reassigned

    async def _resume(self, reader: Reader) -> int:
        """Find the place in every assigned partition, and first derive what was inserted but perhaps not derived."""
        assignment, partitions = await reader.assigned()
        committed = await reader.committed()
        generation = self._log.generation
        await self._loader.claim(generation, partitions)
        loaded = {partition: await self._loader.loaded_until(generation, partition) for partition in partitions}
        ends = await self._log.ends()
        for partition, offset in loaded.items():
            if offset > ends[partition]:
                raise LogWentBack(partition, offset)
        look_back, self.look_back = self.look_back, None
        if look_back:
            await look_back(committed, loaded)
        self.placed.set()
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
        self.metrics.resumed(len(partitions))
        self._events.info("resumed", partitions=len(partitions), unrefreshed=self._unrefreshed)
        await self._begin_refresh(reader, always=True)
        await self._end_refresh()
        return assignment

    async def _consume(self, reader: Reader, assignment: int, stop: asyncio.Event) -> None:
        self._read_ahead(reader, assignment, IDLE_WAIT_S)
        deadline = math.inf
        self._full_loads = BEHIND_LOADS - 1  # a consumer that begins with a full load has a backlog
        try:
            while True:
                load = await self._ahead[0]
                self._ahead.popleft()
                if self._reading:
                    self._read_ahead(reader, assignment, 0.0)
                if stop.is_set():
                    deadline = min(deadline, asyncio.get_running_loop().time() + self._pace.drain_s)
                ending = stop.is_set() and (load is None or asyncio.get_running_loop().time() >= deadline)
                if not ending and not self._ahead:
                    self._read_ahead(reader, assignment, 0.0 if load else IDLE_WAIT_S)
                if load:
                    await self._load(load)
                await self._do_what_was_asked(reader)
                if await self._due(load) or ending:
                    await self._begin_refresh(reader)
                if ending:
                    await self._end_refresh()
                    return
        except Reassigned:
            # Others wait until this is done. Cut short, its statement would go on in the server, into tables of the next.
            await self._end_refresh()
            raise
        finally:
            # What was read and not loaded is read again: the place in the log is found anew.
            for task in (*self._ahead, self._reading):
                if task:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            self._ahead.clear()
            self._reading = None
            if self._refreshing:
                self._refreshing.cancel()
                await asyncio.gather(self._refreshing, return_exceptions=True)
                self._refreshing = None
            self._far_behind = False
            await self._loader.hold_merges(held=False)

    async def _due(self, load: Load | None) -> bool:
        """Whether what is loaded by now, this load too, is to be derived, or more is waited for. Where the refresh under way is nearly
        done, it is once all that was read is loaded."""
        full = load is not None and load.records >= self._pace.records_max
        self._full_loads = self._full_loads + 1 if full else 0
        behind = self._full_loads >= BEHIND_LOADS
        self._far_behind = behind and (self._far_behind or await self._much_waits())
        if self._far_behind:
            await self._loader.hold_merges(held=True)
        enough = self._pace.refresh_records_max * (FAR_BEHIND if self._far_behind else 1)
        all_loaded = self._newest is None or not self._newest.done()
        return self._unrefreshed >= enough or (not behind and (not self._busy or (self._ending and all_loaded)))

    async def _much_waits(self) -> bool:
        """Whether the log holds as much that is not loaded as a refresh under backlog has."""
        ends = await self._log.ends()
        return sum(ends[part] - end for part, end in self._ends.items()) >= self._pace.refresh_records_max

    def _read_ahead(self, reader: Reader, assignment: int, wait_s: float) -> None:
        """Prepare what is being read already; else, where nothing else is, read."""
        reading, self._reading = self._reading, None
        if reading is None:
            reading = asyncio.ensure_future(self._read(reader, wait_s))
        self._newest = reading
        self._ahead.append(asyncio.create_task(self._next(reader, assignment, reading)))

    async def _read(self, reader: Reader, wait_s: float) -> Batch:
        """What is there; while a refresh is under way no sooner than some of it has gathered, or the refresh is nearly done."""
        loop = asyncio.get_running_loop()
        if self._busy:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._read_at + GATHER_S):
                    await self._wake.wait()
        self._wake.clear()
        self._read_at = loop.time()
        return await reader.read(self._pace.records_max, self._pace.bytes_max, wait_s)

    async def _next(self, reader: Reader, assignment: int, reading: asyncio.Task[Batch]) -> Load | None:
        batch = await reading
        if batch.assignment != assignment:
            raise Reassigned
        self.metrics.lost(batch.lost)
        if len(batch.records) >= self._pace.records_max:
            # There is more: it is read while this is prepared, and prepared too as far as that may go ahead.
            work = reader.read(self._pace.records_max, self._pace.bytes_max, 0.0)
            self._reading = asyncio.ensure_future(work)
            if len(self._ahead) < AHEAD_MAX:
                self._read_ahead(reader, assignment, 0.0)
        if not batch.records:
            return passing(batch.passed) if batch.passed else None
        load = await self._preparer.prepare(batch)
        return msgspec.structs.replace(load, traces=traces_of(batch.records)) if self.spans.on else load

    async def _load(self, load: Load) -> None:
        async with self._loading:
            await self._put(load)
        self._ends.update(load.ends)
        self._unrefreshed += load.records or 1  # a place without records is committed, too
        self.metrics.loaded(load.records)
        await self._log.mark(LOADED, self._ends)

    async def _put(self, load: Load) -> None:
        # The journal first: should facts land and this process die, the keys are known.
        await self._refresher.mark(load.dirty)
        for follower in self._followers:
            await follower.mark(load.dirty)
        try:
            with self.spans.span("load facts", load.traces):
                await self._loader.insert(load)
        except Fenced:
            self.metrics.fenced()
            self._events.warning("fenced")
            raise Reassigned from None

    @property
    def _busy(self) -> bool:
        return self._refreshing is not None and not self._refreshing.done()

    async def _begin_refresh(self, reader: Reader, *, always: bool = False) -> None:
        """Derive, beside further loading, what is loaded by now; waits for the refresh before."""
        await self._end_refresh()
        if not (self._unrefreshed or always or self._refresher.aside.is_due()):
            self._wake.set()  # nothing to let anything gather for
            return
        if self.before_refresh:
            await self.before_refresh()
        self._ending = False
        self._wake.clear()
        work = self._refresh(
            reader, dict(self._ends), self._refresher.turn(), self._unrefreshed, last=not self._far_behind
        )
        self._refreshing = asyncio.create_task(work)
        self._unrefreshed = 0

    async def _nearly_done(self) -> None:
        if not self._ending:
            self._ending = True
            self._wake.set()

    async def _end_refresh(self) -> None:
        if self._refreshing:
            await self._refreshing
            self._refreshing = None

    async def _refresh(self, reader: Reader, ends: dict[int, int], cycle: int, events: int, *, last: bool) -> None:
        """`last`: of a backlog, or there is none."""
        waiting, self._waiting = self._waiting, []
        clock = asyncio.get_running_loop().time
        began = clock()
        with self.spans.span("refresh"):
            subjects = await self._refresher.refresh(cycle, ending=self._nearly_done)
        await reader.commit(ends)
        await self._refresher.clear(cycle)
        if last:
            await self._loader.hold_merges(held=False)
        await self._nearly_done()  # where there was nothing to do
        self.metrics.derived(events, clock() - began)
        self.metrics.aside(self._refresher.aside.told())
        for one in waiting:
            if not one.done():
                one.set_result(subjects)
        self._events.debug("derived", events=events, subjects=subjects)
