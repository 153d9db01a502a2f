"""Appends without a task: what one turn of the loop submits is one group, and each waiter is told once."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from eventlog.contract import LogFull, LogUnavailable, Record
from eventlog.embedded import open_embedded_log
from eventlog.embedded.file import FILE_NAME

pytestmark = pytest.mark.anyio


def record(number: int) -> Record:
    return Record(b"site\x1fv%d" % number, b"%d" % number)


def chunks(folder: Path) -> list[int]:
    db = sqlite3.connect(folder / FILE_NAME)
    try:
        return [records for (records,) in db.execute("SELECT records FROM chunks ORDER BY id")]
    finally:
        db.close()


@pytest.mark.parametrize("partitions", [1, 3])
async def test_what_one_turn_submits_is_one_group(tmp_path: Path, partitions: int) -> None:
    log = await open_embedded_log(tmp_path, partitions=partitions)
    await log.append([record(0)])
    futures = [asyncio.get_running_loop().create_future() for _ in range(60)]
    for number, future in enumerate(futures):
        log.submit([record(number), record(number)], future)
    places = await asyncio.gather(*futures)
    assert len({place for two in places for place in two}) == 120
    assert len(chunks(tmp_path)) == 1 + partitions
    for number, two in enumerate(places):
        for position in log.positions(two):
            assert (await log.read_from(position.partition, position.offset, 1, 99))[0].value == b"%d" % number
    await log.close()


async def test_what_was_submitted_before_the_close_is_stored_and_later_is_refused(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    future = asyncio.get_running_loop().create_future()
    log.submit([record(1)], future)
    closing = asyncio.create_task(log.close())
    assert list(await future) == [0]
    await closing
    with pytest.raises(LogUnavailable):
        log.submit([record(2)], asyncio.get_running_loop().create_future())
    assert chunks(tmp_path) == [1]


async def test_every_waiter_of_a_failed_group_gets_an_error_of_its_own(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path, bytes_max=1)
    futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
    for number, future in enumerate(futures):
        log.submit([record(number)], future)
    errors = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(error) for error in errors] == [LogFull] * 3
    assert len({id(error) for error in errors}) == 3
    assert chunks(tmp_path) == []
    await log.close()
