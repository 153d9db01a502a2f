"""Whose turn it is: so many queries run at once, in whatever lane, some more wait, the rest are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from consumers.warehouse.front_access import Refused
from consumers.warehouse.lane import Lane
from eventlog.afterwards import Afterwards


class Turn:
    """One query's turn; it lasts until the lane that was given to it has nothing to do."""

    lane: Lane | None = None


class Turns:
    """Taken by every query."""

    def __init__(self, running_max: int, waiting_max: int) -> None:
        self._free = asyncio.Semaphore(running_max)
        self._waiting = 0
        self._waiting_max = waiting_max
        self._ending = Afterwards()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for one; raises `Refused` when too many wait already."""
        if self._waiting >= self._waiting_max:
            raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries. Try again later.")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        turn = Turn()
        try:
            yield turn
        finally:
            # Not awaited here: a killed query ends a little later than its caller, and an answered client asks again at once.
            self._ending.begin(self._end(turn))

    async def _end(self, turn: Turn) -> None:
        try:
            with suppress(RuntimeError):  # its session ended first, and the lane is closed
                if turn.lane is not None:
                    await turn.lane.idle()
        finally:
            self._free.release()

    async def close(self) -> None:
        """Wait for those that are ending."""
        await self._ending.ended()
