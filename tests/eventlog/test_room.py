"""The size limit: unread records fill the log, read ones make room by themselves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from eventlog.contract import LogFull, Record
from eventlog.embedded import EmbeddedLog, open_embedded_log

pytestmark = pytest.mark.anyio

BYTES_MAX = 1 << 20
RECORD = Record(b"k", os.urandom(10_000))  # nothing that could be compressed


async def fill(log: EmbeddedLog) -> int:
    for count in range(1_000):
        try:
            await log.append([RECORD])
        except LogFull:
            return count
    raise AssertionError("never full")


async def test_unread_records_fill_the_log_and_reading_them_makes_room(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path, bytes_max=BYTES_MAX)
    stored = await fill(log)
    assert 80 <= stored <= 105
    assert await log.retain(0.0, BYTES_MAX // 2, ["g"]) == 0
    with pytest.raises(LogFull):
        await log.append([RECORD])
    reader = await log.reader("g")
    await reader.commit({0: stored})  # commits need room too, and have it
    assert await log.retain(1e6, BYTES_MAX // 2, ["g"]) > 0
    assert (await log.append([RECORD]))[0].offset == stored
    await log.close()


async def test_a_writer_out_of_room_drops_what_the_groups_of_the_last_retention_are_done_with(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path, bytes_max=BYTES_MAX)
    await log.retain(1e6, BYTES_MAX, ["gone", "g"])
    await log.retain(1e6, BYTES_MAX, ["g"])
    reader = await log.reader("g")
    for _ in range(300):
        (position,) = await log.append([RECORD])
        await reader.commit({0: position.offset + 1})
    assert position.offset == 299
    assert (await log.read_from(0, 0, 1, 1))[0].position.offset > 180
    stored = await fill(log)  # nothing more is committed: now it is full again
    assert stored <= 105
    assert (await log.read_from(0, 0, 1, 1))[0].position.offset <= 300
    await log.close()


async def test_the_write_ahead_log_stays_bounded_beside_a_busy_reader(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    reader = await log.reader("g")

    async def read(count: int) -> None:
        while count:
            count -= len((await reader.read(500, 1 << 20, 5.0)).records)

    reading = asyncio.create_task(read(600))
    for _ in range(60):
        await log.append([Record(b"k", os.urandom(60_000)) for _ in range(10)])
    assert (tmp_path / "log.sqlite3-wal").stat().st_size < 24 * 1024 * 1024
    async with asyncio.timeout(30):
        await reading
    await log.close()


async def test_a_clock_that_was_ahead_holds_nothing_for_ever(tmp_path: Path) -> None:
    day_ms = 86_400_000
    now = [100 * day_ms]
    log = await open_embedded_log(tmp_path, clock_ms=lambda: now[0])
    await log.append([RECORD])
    now[0] += 3650 * day_ms
    await log.append([RECORD])
    now[0] = 101 * day_ms  # set right
    await log.append([RECORD])
    reader = await log.reader("g")
    await reader.commit({0: 3})
    now[0] = 108 * day_ms - 1
    assert await log.retain(7 * 86_400, BYTES_MAX, ["g"]) == 2
    now[0] += 2
    assert await log.retain(7 * 86_400, BYTES_MAX, ["g"]) == 1
    await log.close()
