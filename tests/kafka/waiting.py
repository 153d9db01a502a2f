"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], deadline_s: float = 60.0) -> None:
    """Returns when the condition holds; `TimeoutError` when it never does."""
    async with asyncio.timeout(deadline_s):
        while not await condition():  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.05)
