"""Wakes readers of this event loop when a writer of this event loop appended; others' appends are found by looking."""

from __future__ import annotations

import asyncio


def _ring(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class News:
    """Costs a writer one attribute test when nobody waits."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Something was appended."""
        if self._waiting:
            for future in self._waiting:
                _ring(future)

    async def wait(self, timeout_s: float) -> None:
        """Until something is told, at most `timeout_s`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.add(future)
        timer = loop.call_later(timeout_s, _ring, future)
        try:
            await future
        finally:
            timer.cancel()
            self._waiting.discard(future)
