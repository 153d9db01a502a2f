"""A real log behind a gate: shut, slow, or refusing records of a kind, as a broker would be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from collector.spool.log import SpooledLog
from eventlog.contract import DirectLog, LogChanged, LogError, LogUnavailable, Position, Record, Waiter
from eventlog.places import base_of
from tests.kafka.waiting import until


class Gate:
    """Passes everything to the log behind while `open`."""

    def __init__(self, log: DirectLog) -> None:
        self.log = log
        self.open = True
        self.anew: DirectLog | None = None  # what the log behind is by now, unknown to whoever opened it before
        self.answers = asyncio.Event()  # cleared: appends are stored, but nobody hears of it
        self.answers.set()
        self.poison = b"poison"

    async def opening(self) -> DirectLog:
        """As one opens what may be away."""
        self._pass()
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    async def ends(self) -> dict[int, int]:
        self._pass()
        if self.anew is not None:
            raise LogChanged("The log was made anew")
        return await self.log.ends()

    def submit(self, records: Sequence[Record], waiter: Waiter) -> None:
        """As a broker does it: whoever waits is told what became of `append`, whenever that is."""
        asyncio.get_running_loop().create_task(self._tell(records, waiter))

    async def _tell(self, records: Sequence[Record], waiter: Waiter) -> None:
        try:
            positions = await self.append(records)
        except LogError as error:
            waiter.set_exception(error)
        else:
            if not waiter.done():
                waiter.set_result([base_of(one.partition) + one.offset for one in positions])

    async def append(self, records: Sequence[Record]) -> list[Position]:
        self._pass()
        if any(record.value == self.poison for record in records):
            raise LogError("The record is too large")
        positions = await self.log.append(records)
        await self.answers.wait()
        return positions

    async def close(self) -> None:
        """The test closes the log behind."""
        if self.anew is not None:
            self.log, self.anew = self.anew, None

    def _pass(self) -> None:
        if not self.open:
            raise LogUnavailable("The gate is shut")


async def drained(log: SpooledLog) -> None:
    """Wait until its spool is empty."""

    async def empty() -> bool:
        return not log.spooling and not log.spool.waiting

    await until(empty)
