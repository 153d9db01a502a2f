"""A log behind a gate, and spooled logs in front of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from collector.spool.log import SpooledLog, SpoolPolicy
from collector.spool.slot import claim
from eventlog.embedded import open_embedded_log
from tests.spool.gate import Gate

Open = Callable[..., Awaitable[SpooledLog]]


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    log = await open_embedded_log(tmp_path / "behind", partitions=3)
    try:
        yield Gate(log)
    finally:
        await log.close()


@pytest.fixture
async def spooled(gate: Gate, tmp_path: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def begin(bytes_max: int = 1 << 30) -> SpooledLog:
            slots = await claim(tmp_path / "spool", bytes_max)
            log = SpooledLog(
                gate.opening, slots, SpoolPolicy(after_s=0.5, look_s=0.1), lambda: time.time_ns() // 1_000_000
            )
            stack.push_async_callback(log.close)
            return log

        yield begin
