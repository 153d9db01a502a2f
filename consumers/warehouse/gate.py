"""A gate for readers from outside: shut for the moment in which several tables change places, so that nobody sees some old, some new.

A query finds its tables when it begins. So it is enough that none begins meanwhile, and that those inside have begun: they
leave, or have been running for longer than finding tables takes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Gate:
    """Many pass at once, unless it is shut."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._inside = 0

    @contextlib.asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Begin a query: waits while the gate is shut."""
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @contextlib.asynccontextmanager
    async def shut(self, patience_s: float) -> AsyncIterator[None]:
        """Nobody begins while this is open; those inside are given `patience_s` to leave."""
        while not self._open.is_set():
            await self._open.wait()
        self._open.clear()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._empty.wait()
            yield
        finally:
            self._open.set()
