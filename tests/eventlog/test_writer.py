"""What the writer does with a connection after an error."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from eventlog.contract import LogError, LogFull, LogUnavailable, Record
from eventlog.embedded import open_embedded_log
from eventlog.embedded.file import Database

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("code", "told", "reopened"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, LogUnavailable, True),
        (sqlite3.SQLITE_CORRUPT, LogUnavailable, True),
        (sqlite3.SQLITE_FULL, LogFull, False),
        (sqlite3.SQLITE_BUSY, LogUnavailable, False),
    ],
)
async def test_after_an_error_nothing_stays_and_doubtful_connections_go(
    tmp_path: Path, code: int, told: type[LogError], reopened: bool
) -> None:
    log = await open_embedded_log(tmp_path)
    await log.append([Record(b"k", b"0")])
    before = log._writer._db

    def fail_after_writing(db: Database) -> None:
        db.execute("DELETE FROM chunks")
        error = sqlite3.OperationalError("from the disk")
        error.sqlite_errorcode = code
        raise error

    with pytest.raises(told) as answer:
        await log._submit(fail_after_writing)
    assert answer.value.hint
    assert (await log.append([Record(b"k", b"1")]))[0].offset == 1
    assert [record.value for record in await log.read_from(0, 0, 9, 99)] == [b"0", b"1"]
    assert (log._writer._db is not before) == reopened
    await log.close()


async def test_after_an_io_error_the_write_ahead_log_starts_over(tmp_path: Path) -> None:
    """What stood in it may not be on the disk, though it looks so."""
    log = await open_embedded_log(tmp_path)
    await log.append([Record(b"k", os.urandom(500_000))])
    await log.ends()  # a second connection: closing the writer's alone leaves the write-ahead log as it is
    wal = tmp_path / "log.sqlite3-wal"
    assert wal.stat().st_size > 500_000

    def fail(db: Database) -> None:
        error = sqlite3.OperationalError("from the disk")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    with pytest.raises(LogUnavailable):
        await log._submit(fail)
    await log.append([Record(b"k", b"1")])
    assert wal.stat().st_size < 100_000
    await log.close()


async def test_a_record_that_is_none_is_its_callers_error_and_stores_nothing(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    with pytest.raises(TypeError):
        await log.append([Record(b"k", object())])  # type: ignore[arg-type]
    assert (await log.append([Record(b"k", b"1")]))[0].offset == 0
    await log.close()
