"""Whose turn it is: so many queries run at once, in whatever lane, some more wait, the rest are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumers.warehouse.front_access import Refused


class Turns:
    """Taken by every query."""

    def __init__(self, running_max: int, waiting_max: int) -> None:
        self._free = asyncio.Semaphore(running_max)
        self._waiting = 0
        self._waiting_max = waiting_max

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one; raises `Refused` when too many wait already."""
        if self._waiting >= self._waiting_max:
            raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries. Try again later.")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
