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
        self._events = structlog.get_logger("netiv.spool")

    async def some(self) -> float:
        """Move what is there, one batch at most; how long the log took. Tries until it succeeds."""
        batch = await self._slot.reader.read(BATCH_RECORDS, BATCH_BYTES, 0.0)
        took_s = await self._give(batch.records) if batch.records else 0.0
        if batch.records:
            await self._slot.reader.commit({0: batch.records[-1].position.offset + 1})
            self._slot.waiting -= len(batch.records)
            if not self._slot.waiting:
                await self._slot.log.retain(0.0, KEEP_BYTES, [GROUP])
        return took_s

    async def _give(self, stored: Sequence[Stored]) -> float:
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
                return await self._one_by_one(log, records)
            else:
                self._again_s = AGAIN_FIRST_S
                return clock() - start

    async def _one_by_one(self, log: Log, records: Sequence[Record]) -> float:
        """Something in here is refused for what it is: find it, set it aside, store the rest."""
        for record in records:
            while True:
                try:
                    await log.append([record])
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
