"""A spool on a full disk answers `LogFull`, loses nothing it acknowledged, and takes events again when there is room."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.spool.log import SpooledLog, SpoolPolicy
from collector.spool.slot import claim
from eventlog.contract import LogFull, Record
from eventlog.embedded import open_embedded_log
from tests.kafka.waiting import until
from tests.spool.gate import Gate, drained

pytestmark = pytest.mark.anyio


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 24 MB; mounting needs root, as the containers that run these tests have."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_full_disk(small_disk: Path, gate: Gate) -> None:
    gate.open = False
    slots = await claim(small_disk / "spool", 1 << 40)
    log = SpooledLog(gate.opening, slots, SpoolPolicy(0.5), lambda: time.time_ns() // 1_000_000)
    acknowledged: list[int] = []
    try:
        (small_disk / "filler").write_bytes(bytes(8 << 20))

        async def fill() -> None:
            for n in range(10_000):
                await log.append([Record(b"k", b"%d " % n + os.urandom(40_000))])
                acknowledged.append(n)

        with pytest.raises(LogFull):
            await fill()
        (small_disk / "filler").unlink()

        async def takes() -> bool:
            try:
                await log.append([Record(b"k", str(len(acknowledged)).encode())])
            except LogFull:
                return False
            acknowledged.append(len(acknowledged))
            return True

        await until(takes)
        gate.open = True
        await drained(log)
    finally:
        await log.close()
    found = []
    for partition in range(3):
        found += [int(one.value.split()[0]) for one in await gate.log.read_from(partition, 0, 100_000, 1 << 30)]
    assert found == acknowledged
    assert len(found) > 50
    reopened = await open_embedded_log(small_disk / "spool" / "0")
    assert await reopened.committed("drain") == await reopened.ends()
    await reopened.close()
