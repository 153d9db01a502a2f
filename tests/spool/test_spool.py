"""The spool: durable while the log is away, in order when it is back, taken over when its holder died."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collector.spool.slot import claim
from eventlog.contract import LogFull, LogUnavailable, Record
from eventlog.embedded import open_embedded_log
from tests.kafka.waiting import until
from tests.spool.conftest import Open
from tests.spool.gate import Gate, drained

pytestmark = pytest.mark.anyio


async def values(gate: Gate, partitions: int = 3) -> dict[bytes, list[int]]:
    """Each key's values in the order of the log behind."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for partition in range(partitions):
        for stored in await gate.log.read_from(partition, 0, 100_000, 1 << 30):
            found[stored.key].append(int(stored.value.split()[0]))
    return found


async def test_a_log_that_is_there_is_used_directly(gate: Gate, spooled: Open) -> None:
    log = await spooled()
    await drained(log)
    positions = await log.append([Record(b"k", b"0")])
    assert positions[0].generation == gate.log.generation == log.generation
    assert (await log.figures()).spooled == 0
    assert await log.ends() == await gate.log.ends()


async def test_starting_without_the_log_works(gate: Gate, spooled: Open) -> None:
    gate.open = False
    log = await spooled()
    await log.append([Record(b"k", b"0")])
    with pytest.raises(LogUnavailable):
        await log.ends()
    assert (await log.figures()).records == 1
    gate.open = True
    await drained(log)
    assert await values(gate) == {b"k": [0]}
    assert (await log.figures()).records == 0


async def test_order_and_completeness_while_the_log_comes_and_goes(gate: Gate, spooled: Open) -> None:
    log = await spooled()
    keys = [f"k{n}".encode() for n in range(5)]

    async def publish(key: bytes) -> None:
        for n in range(60):
            await log.append([Record(key, str(n).encode())])
            await asyncio.sleep(0)

    async def toggle() -> None:
        for _ in range(6):
            gate.open = not gate.open
            for _ in range(200):
                await asyncio.sleep(0)
        gate.open = True

    await asyncio.gather(toggle(), *(publish(key) for key in keys))
    await drained(log)
    assert await values(gate) == {key: list(range(60)) for key in keys}


async def test_a_log_that_answers_too_late_counts_as_away(gate: Gate, spooled: Open) -> None:
    log = await spooled()
    await drained(log)
    gate.answers.clear()
    async with asyncio.timeout(5.0):
        await log.append([Record(b"k", b"0")])
    assert log.spooling
    gate.answers.set()
    await drained(log)
    await log.append([Record(b"k", b"1")])
    # Stored although the answer was late, and again from the spool: same bytes, so the same event id.
    assert await values(gate) == {b"k": [0, 0, 1]}


async def test_what_waits_survives_a_restart_and_goes_first(gate: Gate, spooled: Open) -> None:
    gate.open = False
    first = await spooled()
    await first.append([Record(b"k", str(n).encode()) for n in range(10)])
    await first.close()
    second = await spooled()
    assert second.spool.waiting == 10
    await second.append([Record(b"k", b"10")])
    gate.open = True
    await drained(second)
    await second.append([Record(b"k", b"11")])
    assert await values(gate) == {b"k": list(range(12))}


async def test_the_spool_of_a_dead_process_is_taken_over(gate: Gate, spooled: Open) -> None:
    gate.open = False
    logs = [await spooled() for _ in range(3)]
    assert [log.spool.folder.name for log in logs] == ["0", "1", "2"]
    for n, log in enumerate(logs):
        await log.append([Record(f"k{n}".encode(), b"0")])
        await log.close()
    gate.open = True
    only = await spooled()
    await drained(only)

    async def all_there() -> bool:
        return await values(gate) == {b"k0": [0], b"k1": [0], b"k2": [0]}

    await until(all_there)


async def test_a_full_spool_says_so_and_takes_again_when_drained(gate: Gate, spooled: Open) -> None:
    gate.open = False
    log = await spooled(bytes_max=2_000_000)
    accepted = 0

    async def fill() -> None:
        nonlocal accepted
        for n in range(100):
            await log.append([Record(b"k", b"%d " % n + os.urandom(100_000))])
            accepted += 1

    with pytest.raises(LogFull) as full:
        await fill()
    assert full.value.retry_after_s > 0
    assert 5 < accepted < 30
    gate.open = True
    await drained(log)
    await log.append([Record(b"k", b"%d" % accepted)])
    assert await values(gate) == {b"k": list(range(accepted + 1))}


async def test_a_record_that_is_refused_for_ever_blocks_nothing_and_is_kept(gate: Gate, spooled: Open) -> None:
    gate.open = False
    log = await spooled()
    await log.append([Record(b"k", b"0"), Record(b"bad", gate.poison), Record(b"k", b"1")])
    gate.open = True
    await drained(log)
    assert await values(gate) == {b"k": [0, 1]}
    aside = await open_embedded_log(log.spool.folder / "refused")
    assert [stored.value for stored in await aside.read_from(0, 0, 10, 1 << 20)] == [gate.poison]
    await aside.close()


async def test_figures_tell_age_and_size(gate: Gate, spooled: Open) -> None:
    gate.open = False
    log = await spooled()
    await log.append([Record(b"k", os.urandom(1000)) for _ in range(3)])

    async def ages() -> bool:
        return (await log.figures()).age_s > 0

    await until(ages)
    figures = await log.figures()
    assert figures.records == figures.spooled == 3
    assert figures.bytes > 3_000


async def test_two_processes_never_hold_one_slot(tmp_path: Path) -> None:
    own, orphans = await claim(tmp_path, 1 << 30)
    other, none = await claim(tmp_path, 1 << 30)
    assert own.folder != other.folder
    assert orphans == none == []
    await own.close()
    again, _ = await claim(tmp_path, 1 << 30)
    assert again.folder == own.folder
    for slot in (again, other):
        await slot.close()


async def test_a_damaged_record_is_told_and_blocks_nothing(gate: Gate, spooled: Open, tmp_path: Path) -> None:
    gate.open = False
    first = await spooled()
    for n in range(5):
        await first.append([Record(b"k", str(n).encode() + b" " * 2_000)])
    await first.close()
    with closing(sqlite3.connect(tmp_path / "spool" / "0" / "log.sqlite3", isolation_level=None)) as file:
        assert file.execute("UPDATE chunks SET body = x'c1ffff' WHERE id = 2").rowcount == 1
    gate.open = True
    with capture_logs() as said:
        second = await spooled()
        await drained(second)
    assert await values(gate) == {b"k": [0, 1, 3, 4]}
    assert [one["event"] for one in said if one["log_level"] == "error"] == ["spooled_record_lost"]
    await second.append([Record(b"k", b"5")])
    assert await values(gate) == {b"k": [0, 1, 3, 4, 5]}


async def test_a_damaged_spool_is_told_and_left_where_it_is(gate: Gate, spooled: Open, tmp_path: Path) -> None:
    damaged = tmp_path / "spool" / "0" / "log.sqlite3"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(bytes(range(256)) * 256)
    with capture_logs() as said:
        log = await spooled()
    assert log.spool.folder.name == "1"
    assert [(one["event"], one["folder"]) for one in said if one["log_level"] == "error"] == [
        ("spool_unusable", str(damaged.parent))
    ]
    assert damaged.read_bytes() == bytes(range(256)) * 256
    await drained(log)
    await log.append([Record(b"k", b"0")])
    assert await values(gate) == {b"k": [0]}


async def test_a_log_made_anew_is_opened_again(gate: Gate, spooled: Open, tmp_path: Path) -> None:
    log = await spooled()
    await drained(log)
    await log.append([Record(b"k", b"0")])
    anew = await open_embedded_log(tmp_path / "anew", partitions=5)
    before, gate.anew = gate.log, anew

    async def opened_again() -> bool:
        return log.generation == anew.generation and not log.spooling

    try:
        await until(opened_again)
        await log.append([Record(b"k", b"1")])
        assert await values(gate, 5) == {b"k": [1]}
        assert len(await log.ends()) == 5
    finally:
        await anew.close()
        gate.log = before
