"""A disk without room and a disk with errors: never a false acknowledgement, and recovery without a restart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
# Appends until refused, lifts the limit, appends again, and compares with what is stored.
SCENARIO = """
import asyncio, json, os, resource, sys
from pathlib import Path
from eventlog.contract import LogError, LogFull, Record
from eventlog.embedded import open_embedded_log

async def fill(log, sent, acknowledged):
    while True:
        value = b"%d|" % len(sent) + os.urandom(3000)
        sent.append(value)
        acknowledged[(await log.append([Record(b"k", value)]))[0].offset] = value

async def main(folder, limit, lift):
    log = await open_embedded_log(folder)
    await limit(log)
    sent, acknowledged, refusals = [], {}, []
    for _ in range(3):
        try:
            await fill(log, sent, acknowledged)
        except LogError as error:
            refusals.append(type(error).__name__)
    full_at = len(acknowledged)
    assert full_at > 50, full_at
    await lift(log)
    async with asyncio.timeout(20):
        while len(acknowledged) < full_at + 100:
            try:
                value = b"%d|" % len(sent) + os.urandom(3000)
                sent.append(value)
                acknowledged[(await log.append([Record(b"k", value)]))[0].offset] = value
            except LogError as error:
                refusals.append(type(error).__name__)
                await asyncio.sleep(getattr(error, "retry_after_s", 0.1) / 50)
    found = {r.position.offset: r.value for r in await log.read_from(0, 0, 1 << 30, 1 << 30)}
    await log.close()
    assert all(found[offset] == value for offset, value in acknowledged.items())
    assert len(set(found.values())) == len(found) and set(found.values()) <= set(sent)
    assert sorted(found) == list(range(len(found)))
    print(json.dumps(sorted(set(refusals))))
"""
FULL_DISK = (
    SCENARIO
    + """
folder = Path(sys.argv[1])
ballast = folder / "ballast"

async def limit(log):
    ballast.write_bytes(bytes(4 << 20))

async def lift(log):
    ballast.unlink()

asyncio.run(main(folder / "log", limit, lift))
"""
)
# SQLite itself says "full", for machines where nobody may mount anything.
FULL_FILE = (
    SCENARIO
    + """
def pages(count):
    async def set_pages(log):
        await log._submit(lambda db: db.execute(f"PRAGMA max_page_count = {count}").fetchall())
    return set_pages

asyncio.run(main(Path(sys.argv[1]), pages(500), pages(1 << 30)))
"""
)
FAILING_WRITES = (
    SCENARIO
    + """
def limit_to(size):
    async def set_limit(log):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    return set_limit

asyncio.run(main(Path(sys.argv[1]), limit_to(1 << 20), limit_to(resource.RLIM_INFINITY)))
"""
)
MOUNT = """mount -t tmpfs -o size=10m tmpfs "$1" || exit 77
exec "$2" -c "$3" "$1"
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)


def test_a_full_disk(tmp_path: Path) -> None:
    """On a 10 MiB file system of our own, mounted where only this process sees it."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    may_mount = run(*namespace, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)).returncode == 0
    if may_mount:
        done = run(*namespace, "sh", "-c", MOUNT, "sh", str(tmp_path), sys.executable, FULL_DISK)
    else:
        done = run(sys.executable, "-c", FULL_FILE, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '["LogFull"]'


def test_a_full_file(tmp_path: Path) -> None:
    """SQLite's own "full", in the middle of a transaction."""
    done = run(sys.executable, "-c", FULL_FILE, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '["LogFull"]'


def test_failing_writes(tmp_path: Path) -> None:
    """Every write beyond 1 MiB fails with an error that is not "disk full" (EFBIG)."""
    done = run(sys.executable, "-c", FAILING_WRITES, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '["LogUnavailable"]'
