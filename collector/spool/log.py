"""A log that is there also when the log behind it is not: appends go to the local spool meanwhile, and are durable.

Order: as long as anything waits in the spool, everything new goes there too, so the records of one key keep their
order. What a broker stored although it answered too late comes twice, with the same event ids; consumers drop it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from collector.spool.drain import Drain
from collector.spool.figures import SpoolFigures
from collector.spool.remote import OpenLog, Remote
from collector.spool.slot import Slot
from eventlog.contract import DirectLog, LogError, LogUnavailable, Position, Reader, Record, Stored, Waiter
from eventlog.deadlines import Deadlines
from eventlog.places import Run

Placed = tuple[DirectLog, Any]  # in which log, and where there


class SpoolPolicy(msgspec.Struct, frozen=True):
    """A log that takes longer than `after_s` counts as away; every `look_s` it is asked whether it is still the same."""

    after_s: float = 2.0
    look_s: float = 10.0


class SpooledLog:
    """The `Log` contract over another log and a slot."""

    def __init__(
        self, opening: OpenLog, slots: tuple[Slot, list[Slot]], policy: SpoolPolicy, clock_ms: Callable[[], int]
    ) -> None:
        self._remote = Remote(opening)
        self._slot, self._orphans = slots
        self._policy = policy
        self._clock_ms = clock_ms
        self._spooling = True  # until the log behind was reached
        self._spooled = 0
        self._going: Deadlines[_Going] = Deadlines(policy.after_s, policy.after_s / 4, _Going.too_slow)
        self._work = asyncio.Event()
        self._events = structlog.get_logger("netiv.spool")
        self._tasks = [asyncio.create_task(self._drain_own()), asyncio.create_task(self._look())]
        self._tasks += [asyncio.create_task(self._drain_orphan(slot)) for slot in self._orphans]
        self._work.set()

    @property
    def generation(self) -> int:
        """Of the log behind; the spool's own as long as it was never reached."""
        log = self._remote.log
        return self._slot.log.generation if log is None else log.generation

    @property
    def spooling(self) -> bool:
        """New events go to the spool."""
        return self._spooling

    @property
    def spool(self) -> Slot:
        """What this process holds."""
        return self._slot

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append to the log behind, or durably to the spool. Raises `LogFull` when the spool is full."""
        future: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        self.submit(records, future)
        return self.positions(await future)

    def submit(self, records: Sequence[Record], waiter: Waiter) -> None:
        """See `DirectLog.submit`."""
        log = self._remote.log
        if self._spooling or log is None:
            self._spool_records(records, waiter)
            return
        going = _Going(self, log, records, waiter)
        self._going.add(going)
        try:
            log.submit(records, going)
        except LogUnavailable as error:
            going.set_exception(error)
        except BaseException:
            self._going.drop(going)
            raise

    def positions(self, placed: Placed) -> list[Position]:
        """What a waiter was told, as positions."""
        log, places = placed
        return log.positions(places)

    def runs(self, placed: Placed) -> list[Run]:
        """What a waiter was told, as runs of neighbours."""
        log, places = placed
        return log.runs(places)

    async def figures(self) -> SpoolFigures:
        """For metrics."""
        slot = self._slot
        oldest = await slot.oldest_at() if slot.waiting else None
        age_s = 0.0 if oldest is None else max(0, self._clock_ms() - oldest) / 1000
        size = await asyncio.to_thread(slot.bytes_used)
        return SpoolFigures(slot.waiting + sum(orphan.waiting for orphan in self._orphans), size, age_s, self._spooled)

    async def reader(self, group: str) -> Reader:
        """Of the log behind."""
        return await self._remote.now().reader(group)

    async def ends(self) -> dict[int, int]:
        """Of the log behind."""
        return await self._remote.now().ends()

    async def committed(self, group: str) -> dict[int, int]:
        """Of the log behind."""
        return await self._remote.now().committed(group)

    async def oldest_unread_at(self, group: str) -> dict[int, int]:
        """Of the log behind."""
        return await self._remote.now().oldest_unread_at(group)

    async def read_from(self, partition: int, offset: int, records_max: int, bytes_max: int) -> list[Stored]:
        """Of the log behind."""
        return await self._remote.now().read_from(partition, offset, records_max, bytes_max)

    async def mark(self, name: str, offsets: Mapping[int, int]) -> None:
        """In the log behind."""
        await self._remote.now().mark(name, offsets)

    async def retain(self, age_max_s: float, bytes_max: int, groups: Sequence[str]) -> int:
        """In the log behind."""
        return await self._remote.now().retain(age_max_s, bytes_max, groups)

    async def close(self) -> None:
        """Stop draining; what waits stays for the next start."""
        self._going.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        try:
            await self._remote.close()
        finally:
            for slot in (self._slot, *self._orphans):
                await slot.close()

    def over(self, going: _Going) -> None:
        """It waits for the log behind no more."""
        self._going.drop(going)

    def away(self, reason: str, records: Sequence[Record], waiter: Waiter) -> None:
        """The log behind does not take these records."""
        self._begin(reason)
        if not waiter.done():
            self._spool_records(records, waiter)

    def spooled(self, count: int) -> None:
        """So many records are in the spool, or none if it refused them."""
        self._slot.waiting += count
        self._spooled += count
        self._slot.appending -= 1
        self._work.set()

    def _spool_records(self, records: Sequence[Record], waiter: Waiter) -> None:
        slot = self._slot
        slot.appending += 1
        spooling = _Spooling(self, slot.log, len(records), waiter)
        try:
            slot.log.submit(records, spooling)
        except LogError as error:
            spooling.set_exception(error)

    def _begin(self, reason: str) -> None:
        if not self._spooling:
            self._spooling = True
            self._events.warning("spooling", reason=reason or "too slow")
        self._work.set()

    async def _drain_own(self) -> None:
        drain = Drain(self._slot, self._remote.get)
        pause_s = 0.25
        while True:
            await self._work.wait()
            self._work.clear()
            took_s = 0.0
            while self._slot.waiting:
                took_s = await drain.some()
            if self._spooling and await self._reachable() and took_s < self._policy.after_s / 2:
                # No await between the look and the switch: nothing can slip into the spool in between.
                if not self._slot.waiting and not self._slot.appending:
                    self._spooling = False
                    self._events.info("spool_empty", spooled=self._spooled)
                    pause_s = 0.25
                    continue
                self._work.set()
            elif self._spooling:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 5.0)
                self._work.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._policy.look_s)
            if (log := await self._remote.give_up()) is not None:
                self._begin("the log was made anew")
                await log.close()  # what is under way fails there, and is spooled

    async def _reachable(self) -> bool:
        """Whether the log behind answers quickly."""
        try:
            log = await self._remote.get()
            async with asyncio.timeout(self._policy.after_s):
                await log.ends()
        except (LogUnavailable, TimeoutError):
            return False
        return True

    async def _drain_orphan(self, slot: Slot) -> None:
        drain = Drain(slot, self._remote.get)
        while slot.waiting:
            await drain.some()
        await slot.close()
        self._orphans.remove(slot)


class _Going:
    """Waits for the log behind; should that fail or take too long, the records go to the spool."""

    __slots__ = ("_log", "_over", "_records", "_spooled", "_waiter")

    def __init__(self, spooled: SpooledLog, log: DirectLog, records: Sequence[Record], waiter: Waiter) -> None:
        self._spooled = spooled
        self._log = log
        self._records = records
        self._waiter = waiter
        self._over = False

    def done(self) -> bool:
        return self._over or self._waiter.done()

    def set_result(self, places: Any, /) -> None:
        if self._over:
            return
        self._end()
        if not self._waiter.done():
            self._waiter.set_result((self._log, places))

    def set_exception(self, error: Any, /) -> None:
        if self._over:
            return
        self._end()
        if isinstance(error, LogUnavailable):
            self._spooled.away(str(error), self._records, self._waiter)
        elif not self._waiter.done():
            self._waiter.set_exception(error)

    def too_slow(self) -> None:
        self.set_exception(LogUnavailable("too slow"))

    def _end(self) -> None:
        self._over = True
        self._spooled.over(self)


class _Spooling:
    """Waits for the spool."""

    __slots__ = ("_count", "_log", "_spooled", "_waiter")

    def __init__(self, spooled: SpooledLog, log: DirectLog, count: int, waiter: Waiter) -> None:
        self._spooled = spooled
        self._log = log
        self._count = count
        self._waiter = waiter

    def done(self) -> bool:
        return False  # whether anybody waits or not, it is counted

    def set_result(self, places: Any, /) -> None:
        self._spooled.spooled(self._count)
        if not self._waiter.done():
            self._waiter.set_result((self._log, places))

    def set_exception(self, error: Any, /) -> None:
        self._spooled.spooled(0)
        if not self._waiter.done():
            self._waiter.set_exception(error)
