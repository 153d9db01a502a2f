"""What only the embedded log has: one file, one reader per group, locks between processes, closing."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from eventlog.contract import LogError, LogUnavailable, Record
from eventlog.embedded import log as log_module
from eventlog.embedded import open_embedded_log

pytestmark = pytest.mark.anyio

RECORD = Record(b"k", b"v")
HOLDER = """
import asyncio, sys
from pathlib import Path
from eventlog.embedded import open_embedded_log

async def main():
    log = await open_embedded_log(Path(sys.argv[1]))
    reader = await log.reader("g")
    print("reading", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def writer_lock_held(folder: Path) -> Iterator[None]:
    with (folder / "writer.lock").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_reader(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, env=environment)


def files_of_log(folder: Path) -> list[Path]:
    return list(folder.glob("log.sqlite3*"))


def chunks(folder: Path) -> int:
    db = sqlite3.connect(folder / "log.sqlite3")
    try:
        return int(db.execute("SELECT count(*) FROM chunks").fetchone()[0])
    finally:
        db.close()


async def test_appends_that_wait_share_one_transaction(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    with writer_lock_held(tmp_path):
        tasks = [asyncio.create_task(log.append([RECORD, RECORD])) for _ in range(200)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
    offsets = [position.offset for task in tasks for position in await task]
    assert offsets == list(range(400))
    assert chunks(tmp_path) <= 3
    await log.close()


async def test_the_number_of_partitions_is_the_files(tmp_path: Path) -> None:
    for asked in (3, 5):
        log = await open_embedded_log(tmp_path, partitions=asked)
        assert log.partitions == 3
        assert set(await log.ends()) == {0, 1, 2}
        await log.close()


async def test_a_log_made_anew_has_another_generation(tmp_path: Path) -> None:
    generations = set()
    for name in ("a", "b", "c"):
        log = await open_embedded_log(tmp_path / name)
        generations.add(log.generation)
        await log.close()
    assert len(generations) == 3
    assert all(0 < generation < 2**32 for generation in generations)


async def test_a_second_reader_of_a_group_is_refused_with_a_hint(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    other = await open_embedded_log(tmp_path)
    reader = await log.reader("g")
    with pytest.raises(LogError, match=f"already has a reader .process {os.getpid()}") as refused:
        await other.reader("g")
    assert "stop the other one" in refused.value.hint
    await (await other.reader("another group")).close()
    await reader.close()
    await reader.close()
    await (await other.reader("g")).close()
    await log.close()
    await other.close()


async def test_a_killed_reader_makes_way(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    with start_reader(tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"reading\n"
        with pytest.raises(LogError, match=f"process {holder.pid}"):
            await log.reader("g")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    await (await log.reader("g")).close()
    await log.close()


async def test_closing_stores_what_waits(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    tasks = [asyncio.create_task(log.append([RECORD])) for _ in range(50)]
    await asyncio.sleep(0)
    log.close_blocking()
    assert [position.offset for task in tasks for position in await task] == list(range(50))
    log.close_blocking()
    with pytest.raises(LogUnavailable, match="closed"):
        await log.append([RECORD])
    with pytest.raises(LogUnavailable, match="closed"):
        await log.ends()


async def test_a_cancelled_append_harms_nobody(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    with writer_lock_held(tmp_path):
        gone, stays = (asyncio.create_task(log.append([RECORD])) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
    assert len(await stays) == 1
    await log.close()


async def test_a_hanging_disk_is_reported_and_recovered_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "STALL_S", 0.1)
    log = await open_embedded_log(tmp_path)
    with writer_lock_held(tmp_path):
        waiting = [asyncio.create_task(log.append([RECORD])), asyncio.create_task(log.mark("m", {0: 1}))]
        for task in waiting:
            with pytest.raises(LogUnavailable, match="does not answer"):
                await asyncio.wait_for(task, 30)
    (position,) = await log.append([RECORD])
    assert position.offset <= 1  # the one given up may have been stored
    await log.close()


async def test_a_file_that_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite3").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(LogError) as refused:
        await open_embedded_log(tmp_path)
    assert "check the log's folder" in refused.value.hint


async def test_a_file_of_before_is_read_and_goes_on(tmp_path: Path) -> None:
    await (await open_embedded_log(tmp_path)).close()
    db = sqlite3.connect(tmp_path / "log.sqlite3")
    body = msgspec.msgpack.encode([(b"k", bytes(5_000))])  # as it was stored before anything was compressed
    db.execute("INSERT INTO chunks VALUES (0, 1, 1, ?)", (body,))
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    log = await open_embedded_log(tmp_path)
    await log.append([Record(b"k", bytes(6_000))])
    assert [len(one.value) for one in await log.read_from(0, 0, 10, 1 << 20)] == [5_000, 6_000]
    await log.close()
    db = sqlite3.connect(tmp_path / "log.sqlite3")
    assert db.execute("PRAGMA user_version").fetchone() == (2,), "what would not understand it is told"
    db.close()


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    await (await open_embedded_log(tmp_path)).close()
    db = sqlite3.connect(tmp_path / "log.sqlite3")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LogError, match="format 99"):
        await open_embedded_log(tmp_path)


@pytest.mark.parametrize("partitions", [0, 257])
async def test_impossible_numbers_of_partitions(tmp_path: Path, partitions: int) -> None:
    with pytest.raises(LogError, match="1 to 256"):
        await open_embedded_log(tmp_path, partitions=partitions)


async def test_a_folder_that_can_not_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match="folder can't be used"):
        await open_embedded_log(tmp_path / "file" / "log")


async def test_a_damaged_chunk_is_an_error_with_its_place(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    await log.append([RECORD])
    db = sqlite3.connect(tmp_path / "log.sqlite3")
    db.execute("UPDATE chunks SET body = x'c1'")
    db.commit()
    db.close()
    with pytest.raises(LogError, match="Damaged chunk at partition 0 offset 0"):
        await log.read_from(0, 0, 1, 1)
    await log.close()


async def test_a_removed_file_is_an_error_and_not_made_anew_under_an_open_log(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    for path in files_of_log(tmp_path):
        path.unlink()
    with pytest.raises(LogUnavailable) as refused:
        await log.append([RECORD])
    assert "Put it back" in refused.value.hint
    assert files_of_log(tmp_path) == []
    await log.close()


async def test_a_seek_during_a_read_counts(tmp_path: Path) -> None:
    log = await open_embedded_log(tmp_path)
    reader = await log.reader("g")
    waiting = asyncio.create_task(reader.read(10, 1 << 20, 30.0))
    await asyncio.sleep(0)
    await reader.seek(0, 3)
    await log.append([RECORD] * 5)
    assert [record.position.offset for record in (await waiting).records] == [3, 4]
    await log.close()
