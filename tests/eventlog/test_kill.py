"""kill -9 at any moment: what was acknowledged is there exactly once, what was not is there at most once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from eventlog.embedded import open_embedded_log

pytestmark = pytest.mark.anyio

# Eight lanes append 8 KiB values, so that a checkpoint comes every hundred groups; each acknowledgement is a line.
WRITER = """
import asyncio, os, sys
from pathlib import Path
from eventlog.contract import Record
from eventlog.embedded import open_embedded_log

async def main(folder, name):
    log = await open_embedded_log(Path(folder))
    async def lane(n):
        number = 0
        while True:
            value = f"{name}-{n}-{number}".encode()
            number += 1
            places = await log.append([Record(b"%d" % n, value + b"|" + os.urandom(8192))])
            os.write(1, b"%d %s\\n" % (places[0].offset, value))
    await asyncio.gather(*(lane(n) for n in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""
KILLS = 24


def start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), name], stdout=subprocess.PIPE, env=environment)


def kill_after(process: subprocess.Popen[bytes], lines: int, chance: random.Random) -> dict[int, bytes]:
    """Kill once so many acknowledgements were read and a moment more went by; returns every acknowledgement."""
    assert process.stdout is not None
    read = [process.stdout.readline() for _ in range(lines)]
    until = time.perf_counter() + chance.uniform(0.0, 0.002)
    while time.perf_counter() < until:
        pass
    process.send_signal(signal.SIGKILL)
    read += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    pairs = [line.split() for line in read if line.endswith(b"\n")]
    return {int(offset): value for offset, value in pairs}


async def stored(folder: Path) -> dict[int, bytes]:
    log = await open_embedded_log(folder)
    found: dict[int, bytes] = {}
    while batch := await log.read_from(0, len(found), 10_000, 1 << 26):
        found.update((record.position.offset, record.value.partition(b"|")[0]) for record in batch)
    assert (await log.ends())[0] == len(found)
    await log.close()
    return found


async def test_kills_of_one_writer(tmp_path: Path) -> None:
    chance = random.Random(2026)
    acknowledged: dict[int, bytes] = {}
    for kill in range(KILLS):
        acknowledged |= kill_after(start(tmp_path, f"w{kill}"), chance.choice([1, 8, 40, 300]), chance)
    check(await stored(tmp_path), acknowledged)
    assert len(acknowledged) > KILLS * 5


async def test_a_kill_never_stops_or_harms_other_writers(tmp_path: Path) -> None:
    chance = random.Random(7)
    survivor = start(tmp_path, "survivor")
    acknowledged: dict[int, bytes] = {}
    for kill in range(6):
        acknowledged |= kill_after(start(tmp_path, f"w{kill}"), chance.choice([1, 20, 100]), chance)
    acknowledged |= kill_after(survivor, 500, chance)
    check(await stored(tmp_path), acknowledged)


def check(found: dict[int, bytes], acknowledged: dict[int, bytes]) -> None:
    assert max(found) == len(found) - 1
    assert max(Counter(found.values()).values()) == 1
    assert {offset: found.get(offset) for offset in acknowledged} == acknowledged
