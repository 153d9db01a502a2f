"""What every backend of the `Log` contract promises. A backend joins in `log_backends.py`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from eventlog.contract import Log, LogError, Position, Reader, Record, Stored
from tests.contracts.log_backends import FACTORIES, Backend

pytestmark = pytest.mark.anyio


@pytest.fixture(params=sorted(FACTORIES))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return Backend(request.param, tmp_path)


@pytest.fixture
async def log(backend: Backend) -> AsyncIterator[Log]:
    async with backend.log(partitions=3) as log:
        yield log


def numbered(key: str, start: int, stop: int) -> list[Record]:
    return [Record(key.encode(), str(number).encode()) for number in range(start, stop)]


async def drain(reader: Reader, count: int, deadline_s: float = 30.0) -> list[Stored]:
    """Exactly `count` records, or fail at the deadline."""
    found: list[Stored] = []
    async with asyncio.timeout(deadline_s):
        while len(found) < count:
            found += (await reader.read(1_000, 1 << 20, 1.0)).records
    assert len(found) == count
    return found


def offsets_by_partition(positions: list[Position]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for position in positions:
        found[position.partition].append(position.offset)
    return found


async def test_positions_are_dense_and_in_the_order_given(log: Log) -> None:
    records = [Record(f"key{n % 17}".encode(), str(n).encode()) for n in range(100)]
    positions = await log.append(records) + await log.append(records)
    for offsets in offsets_by_partition(positions).values():
        assert offsets == list(range(len(offsets)))
    assert {position.generation for position in positions} == {log.generation}
    assert 0 < log.generation < 2**32
    assert await log.ends() == {p: len(offsets_by_partition(positions)[p]) for p in range(3)}


async def test_what_is_read_is_what_was_appended(log: Log) -> None:
    records = [Record(f"key{n}".encode(), bytes([n]) * n) for n in range(200)]
    positions = await log.append(records)
    async with AsyncExitStack() as stack:
        reader = await log.reader("g")
        stack.push_async_callback(reader.close)
        found = await drain(reader, 200)
    stored = {record.position: (record.key, record.value) for record in found}
    assert stored == {p: (r.key, r.value) for p, r in zip(positions, records, strict=True)}


async def test_a_key_stays_in_its_partition_also_after_reopening(backend: Backend) -> None:
    keys = [f"site\x1f{n}".encode() for n in range(50)]
    async with backend.log(partitions=3) as log:
        first = {p: k for k, p in zip(await _partitions(log, keys), keys, strict=True)}
        generation = log.generation
    async with backend.log(partitions=3) as log:
        assert {p: k for k, p in zip(await _partitions(log, keys), keys, strict=True)} == first
        assert log.generation == generation
    assert len(set(first.values())) == 3


async def _partitions(log: Log, keys: list[bytes]) -> list[int]:
    return [position.partition for position in await log.append([Record(key, b"") for key in keys])]


async def test_appending_nothing_is_nothing(log: Log) -> None:
    assert await log.append([]) == []
    assert await log.ends() == {0: 0, 1: 0, 2: 0}


async def test_concurrent_appends_keep_the_order_of_each_key(log: Log) -> None:
    async def publish(name: str) -> list[Position]:
        return [position for n in range(30) for position in await log.append(numbered(name, 2 * n, 2 * n + 2))]

    positions = [p for each in await asyncio.gather(*(publish(f"k{n}") for n in range(40))) for p in each]
    assert len(set(positions)) == 40 * 60
    async with AsyncExitStack() as stack:
        reader = await log.reader("g")
        stack.push_async_callback(reader.close)
        found = await drain(reader, 40 * 60)
    assert_in_order(found, {f"k{n}".encode(): 60 for n in range(40)})


def assert_in_order(found: list[Stored], counts: dict[bytes, int]) -> None:
    """Every key's values are 0, 1, 2, … in the order read; every partition's offsets are dense."""
    values: dict[bytes, list[int]] = defaultdict(list)
    for record in found:
        values[record.key].append(int(record.value))
    assert {key: list(range(count)) for key, count in counts.items()} == values
    for offsets in offsets_by_partition([record.position for record in found]).values():
        assert offsets == list(range(len(offsets)))


async def test_commits_are_durable_and_never_go_back(backend: Backend) -> None:
    async with backend.log() as log:
        await log.append(numbered("k", 0, 10))
        reader = await log.reader("g")
        assert await reader.committed() == {0: 0}
        await reader.commit({0: 7})
        await reader.commit({0: 3})
        assert await reader.committed() == await log.committed("g") == {0: 7}
        await reader.close()
    async with backend.log() as log:
        assert await log.committed("g") == {0: 7}
        assert await log.committed("other") == {0: 0}
        reader = await log.reader("g")
        assert [record.value for record in await drain(reader, 3)] == [b"7", b"8", b"9"]
        await reader.close()


async def test_marks_are_read_like_commits_and_set_as_given(log: Log) -> None:
    await log.append(numbered("k", 0, 10))
    await log.mark("loaded", {0: 5, 2: 1})
    assert await log.committed("loaded") == {0: 5, 1: 0, 2: 1}
    await log.mark("loaded", {0: 4})
    assert await log.committed("loaded") == {0: 4, 1: 0, 2: 1}


async def test_seek_goes_to_any_place(backend: Backend) -> None:
    async with backend.log() as log:
        await log.append(numbered("k", 0, 5))
        await log.append(numbered("k", 5, 10))
        reader = await log.reader("g")
        for offset in (9, 0, 4, 5, 6):
            await reader.seek(0, offset)
            batch = await reader.read(1, 1 << 20, 1.0)
            assert [record.position.offset for record in batch.records] == [offset]
        await reader.close()


async def test_limits_of_a_read(backend: Backend) -> None:
    async with backend.log() as log:
        await log.append([Record(b"k", bytes(1000))] * 100)
        reader = await log.reader("g")
        assert len((await reader.read(7, 1 << 20, 1.0)).records) == 7
        assert 1 <= len((await reader.read(100, 5_000, 1.0)).records) <= 5
        assert len((await reader.read(100, 1, 1.0)).records) == 1
        await reader.close()


async def test_a_read_waits_for_the_first_record(backend: Backend) -> None:
    async with backend.log() as log, backend.log() as other:
        reader = await log.reader("g")
        for writer in (log, other):
            waiting = asyncio.create_task(reader.read(10, 1 << 20, 30.0))
            await writer.append(numbered("k", 0, 1))
            assert len((await waiting).records) == 1
        assert (await reader.read(10, 1 << 20, 0.0)).records == []
        await reader.close()


async def test_the_assignment_is_every_partition_and_batches_name_it(log: Log) -> None:
    reader = await log.reader("g")
    number, partitions = await reader.assigned()
    assert partitions == {0, 1, 2}
    assert (await reader.read(1, 1, 0.0)).assignment == number
    await reader.close()


async def test_reading_without_a_group(log: Log) -> None:
    positions = await log.append(numbered("k", 0, 10))
    partition = positions[0].partition
    found = await log.read_from(partition, 4, 3, 1 << 20)
    assert [record.position.offset for record in found] == [4, 5, 6]
    assert await log.read_from(partition, 10, 3, 1 << 20) == []


async def test_oldest_unread(log: Log) -> None:
    assert await log.oldest_unread_at("g") == {}
    positions = await log.append(numbered("k", 0, 3))
    found = await log.read_from(positions[0].partition, 0, 1, 1 << 20)
    assert await log.oldest_unread_at("g") == {positions[0].partition: found[0].appended_at}
    reader = await log.reader("g")
    await reader.commit(await log.ends())
    await reader.close()
    assert await log.oldest_unread_at("g") == {}


@pytest.mark.parametrize("place", [(-1, 0), (3, 0), (0, -1)])
async def test_places_that_do_not_exist_are_refused(log: Log, place: tuple[int, int]) -> None:
    reader = await log.reader("g")
    with pytest.raises(LogError, match="No such place"):
        await reader.seek(*place)
    with pytest.raises(LogError, match="No such place"):
        await reader.commit({place[0]: place[1]})
    await reader.close()


async def test_retention_never_takes_what_a_group_has_not_committed(backend: Backend) -> None:
    async with backend.log() as log:
        for n in range(20):
            await log.append(numbered("k", n, n + 1))
        slow, fast = await log.reader("slow"), await log.reader("fast")
        await slow.commit({0: 8})
        await fast.commit({0: 15})
        dropped = await log.retain(-60.0, 1 << 40, ["slow", "fast"])
        assert dropped <= 8
        await slow.seek(0, 8)  # a reader may have fetched ahead what was dropped since
        assert [record.position.offset for record in await drain(slow, 12)] == list(range(8, 20))
        assert await log.ends() == {0: 20}
        await slow.close()
        await fast.close()


async def test_retention_by_age_drops_what_is_committed_and_offsets_go_on(backend: Backend) -> None:
    async with backend.log() as log:
        await log.append(numbered("k", 0, 10))
        reader = await log.reader("g")
        await reader.commit({0: 10})
        assert await log.retain(3600.0, 1 << 40, ["g"]) == 0
        assert await log.retain(-60.0, 1 << 40, ["g"]) == 10
        await reader.close()
    async with backend.log() as log:
        assert await log.ends() == {0: 10}
        assert [position.offset for position in await log.append(numbered("k", 10, 11))] == [10]
        reader = await log.reader("g")
        await reader.seek(0, 0)
        assert [record.position.offset for record in await drain(reader, 1)] == [10]
        await reader.close()


async def test_retention_by_size_drops_the_oldest_first(backend: Backend) -> None:
    async with backend.log() as log:
        for _ in range(100):
            await log.append([Record(b"k", os.urandom(20_000))])
        reader = await log.reader("g")
        await reader.commit({0: 100})
        dropped = await log.retain(1e6, 1_000_000, ["g"])
        assert 40 <= dropped <= 70
        await reader.seek(0, 0)
        assert [r.position.offset for r in await drain(reader, 100 - dropped)] == list(range(dropped, 100))
        await reader.close()


async def test_several_processes_append_while_one_reads(backend: Backend) -> None:
    writers, count = 3, 800
    async with backend.log() as log:
        reader = await log.reader("g")
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", backend.writer, str(backend.place / "log"), f"w{n}", str(count),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, stderr=subprocess.PIPE,
            )
            for n in range(writers)
        ]  # fmt: skip
        found = await drain(reader, writers * count, 60.0)
        for process in processes:
            _, stderr = await process.communicate()
            assert process.returncode == 0, stderr.decode()
        assert (await reader.read(1, 1 << 20, 0.0)).records == []
        await reader.close()
    assert_in_order(found, {f"w{n}-{lane}".encode(): count // 4 for n in range(writers) for lane in range(4)})
    assert max(Counter(record.position for record in found).values()) == 1
