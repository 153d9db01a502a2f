"""A lane: one engine handle with its own thread, so that the event loop never waits. A pool lends lanes one by one.

A lane whose caller was cancelled returns to the pool only when its thread is free again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from consumers.warehouse.engine_handle import EngineHandle
from eventlog.afterwards import Afterwards

T = TypeVar("T")
_LANE: Final = "lane-"


class Lane:
    """Calls run one after another in the lane's thread."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{_LANE}{name}")
        self.handle: EngineHandle

    @classmethod
    async def open(cls, name: str, make: Callable[[], EngineHandle]) -> Lane:
        """A lane with the handle that `make` gives, made in the lane's own thread."""
        lane = cls(name)
        try:
            lane.handle = await lane.call(make)
        except BaseException:
            lane._thread.shutdown(wait=False)
            raise
        return lane

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` in the lane's thread. Cancelling the caller does not stop the work: see `idle`."""
        future: Future[T] = self._thread.submit(work)
        answer = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for it now
            raise

    async def blocks(self, sql: str, output_format: str, parameters: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """A result as it comes; leaving early cancels the query."""
        blocks = self.handle.stream(sql, output_format, parameters)
        try:
            while (block := await self.call(lambda: next(blocks, None))) is not None:
                yield block
        finally:
            self._thread.submit(lambda: _close(blocks))

    async def idle(self) -> None:
        """Wait until the thread has nothing to do."""
        await self.call(lambda: None)

    async def close(self) -> None:
        """Close the handle and end the thread."""
        await self.call(self.handle.close)
        self._thread.shutdown(wait=True)


def left_behind() -> bool:
    """Whether a lane that nobody waited for is still at work: the interpreter would wait for its thread before it ends."""
    return any(thread.name.startswith(_LANE) for thread in threading.enumerate())


def _close(blocks: Iterator[bytes]) -> None:
    blocks.close()  # type: ignore[attr-defined]


class LanePool:
    """A fixed set of lanes."""

    def __init__(self, lanes: list[Lane]) -> None:
        self._lanes = lanes
        self._free: asyncio.LifoQueue[Lane] = asyncio.LifoQueue()
        self._returns = Afterwards()
        for lane in lanes:
            self._free.put_nowait(lane)

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Lane]:
        """A lane for the caller alone."""
        lane = await self._free.get()
        try:
            yield lane
        finally:
            self._returns.begin(self._give_back(lane))

    async def _give_back(self, lane: Lane) -> None:
        await lane.idle()
        self._free.put_nowait(lane)

    async def close(self) -> None:
        """Close every lane."""
        await self._returns.ended()
        for lane in self._lanes:
            await lane.close()
