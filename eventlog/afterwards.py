"""Work that goes on when whoever caused it has left. Belongs to one event loop; knows no log."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Afterwards:
    """Tasks that nobody awaits; they are held here, because the loop alone may lose them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start one."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ended(self) -> None:
        """Wait for all of them, whatever comes of them."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def cancelled(self) -> None:
        """Tell all of them to give up, and wait until they have."""
        for task in self._tasks:
            task.cancel()
        await self.ended()
