"""The log behind the spool: opened when it can be reached, tried again when not. Knows no spool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from eventlog.contract import DirectLog, LogChanged, LogError, LogUnavailable

OpenLog = Callable[[], Awaitable[DirectLog]]


class Remote:
    """At most one opened log."""

    def __init__(self, opening: OpenLog) -> None:
        self._opening = opening
        self._lock = asyncio.Lock()
        self.log: DirectLog | None = None

    async def get(self) -> DirectLog:
        """The opened log; opens it when it isn't. Raises `LogUnavailable` for whatever stands in the way."""
        if self.log is None:
            async with self._lock:
                if self.log is None:
                    self.log = await self._open()
        return self.log

    def now(self) -> DirectLog:
        """The opened log. Raises `LogUnavailable` when it never could be reached so far."""
        if self.log is None:
            raise LogUnavailable("The log was not reached yet")
        return self.log

    async def give_up(self) -> DirectLog | None:
        """The opened log where the one behind is another by now: it is ours no more, and opened anew when it is wanted."""
        log = self.log
        try:
            if log is not None:
                await log.ends()
        except LogChanged:
            self.log = None
            return log
        except LogError:
            pass
        return None

    async def close(self) -> None:
        """Close it, if it was opened."""
        if self.log is not None:
            await self.log.close()

    async def _open(self) -> DirectLog:
        try:
            return await self._opening()
        except LogUnavailable:
            raise
        except Exception as error:  # a missing topic is made while we wait: the spool has the events
            raise LogUnavailable(str(error)) from error
