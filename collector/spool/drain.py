"""Gives a spool's records back to the log, in order. What the log refuses for ever is set aside, never dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from collector.spool.slot import GROUP, KEEP_BYTES, Slot
from eventlog.contract import Log, LogError, LogFull, LogUnavailable, Record, Stored
from eventlog.embedded import open_embedded_log

BATCH_RECORDS: Final = 2_000
BATCH_BYTES: Final = 4 * 1024**2
AGAIN_FIRST_S: Final = 0.25
AGAIN_LAST_S: Final = 5.0

OpenLog = Callable[[], Awaitable[Log]]


class Drain:
    """Moves records from one slot to the log."""

    def __init__(self, slot: Slot, remote: OpenLog) -> None:
        self._slot = slot
        self._remote = remote
        self._again_s = AGAIN_FIRST_S
        self._next = -1  # everything below was given back, or is lost
        self._events = structlog.get_logger("netiv.spool")

    async def some(self) -> float:
        """Move what is there, one batch at most; how long the log took. Tries until it succeeds."""
        reader = self._slot.reader
        while True:
            try:
                begin = (await reader.committed())[0]
                self._next = max(self._next, begin)
                await reader.seek(0, self._next)
                took_s = await self._give(await self._read())
                await self._done(begin)
            except LogError as error:  # of the spool's own file: its disk is full, or ill
                self._events.error("spool_not_read", reason=str(error), hint=error.hint, folder=str(self._slot.folder))
                await asyncio.sleep(AGAIN_LAST_S)
            else:
                return took_s

    async def _read(self) -> list[Stored]:
        """What is next. What is damaged is told and passed, or everything behind it would wait for ever."""
        reader = self._slot.reader
        try:
            return (await reader.read(BATCH_RECORDS, BATCH_BYTES, 0.0)).records
        except (LogUnavailable, LogFull):
            raise
        except LogError:
            pass  # one of them: those before it first
        try:
            return (await reader.read(1, BATCH_BYTES, 0.0)).records
        except (LogUnavailable, LogFull):
            raise
        except LogError as error:
            self._next += 1
            self._events.error("spooled_record_lost", reason=str(error), hint=error.hint, folder=str(self._slot.folder))
            return []

    async def _done(self, begin: int) -> None:
        slot = self._slot
        await slot.reader.commit({0: self._next})
        slot.waiting -= self._next - begin
        if not slot.waiting:
            await slot.log.retain(0.0, KEEP_BYTES, [GROUP])

    async def _give(self, stored: Sequence[Stored]) -> float:
        took_s = await self._append(stored) if stored else 0.0
        self._next = stored[-1].position.offset + 1 if stored else self._next
        return took_s

    async def _append(self, stored: Sequence[Stored]) -> float:
        records = [Record(one.key, one.value) for one in stored]
        clock = asyncio.get_running_loop().time
        while True:
            try:
                log = await self._remote()
                start = clock()
                await log.append(records)
            except (LogUnavailable, LogFull) as error:
                await self._pause(error)
            except LogError:
                return await self._one_by_one(records)
            else:
                self._again_s = AGAIN_FIRST_S
                return clock() - start

    async def _one_by_one(self, records: Sequence[Record]) -> float:
        """Something in here is refused for what it is: find it, set it aside, store the rest."""
        for record in records:
            while True:
                try:
                    await (await self._remote()).append([record])
                except (LogUnavailable, LogFull) as error:
                    await self._pause(error)
                    continue
                except LogError as error:
                    await self._set_aside(record, error)
                break
        return 0.0

    async def _set_aside(self, record: Record, error: LogError) -> None:
        self._events.error("record_refused", bytes=len(record.value), reason=str(error), hint=error.hint)
        aside = await open_embedded_log(self._slot.folder / "refused")
        try:
            await aside.append([record])
        finally:
            await aside.close()

    async def _pause(self, error: LogError) -> None:
        self._events.warning("log_away", reason=str(error), waiting=self._slot.waiting, again_s=self._again_s)
        await asyncio.sleep(self._again_s)
        self._again_s = min(self._again_s * 2, AGAIN_LAST_S)
