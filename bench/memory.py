"""Memory: what all processes of `netiv up` have resident, idle and while they catch up with a backlog.

`python -m bench.memory [--events 1000000] [--visitors 50000]`: the log is filled first, then the stack is started on it. Pages that
processes share count once for each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench.freshness import MIB, document
from bench.traffic import records
from eventlog.embedded import open_embedded_log
from netiv.clickhouse import ClickHouse

SAMPLE_S = 0.05
ASKED_S = 2.0
PATIENCE_S = 600.0
PARTS = {
    "netiv up": " up ",
    "collector": "netiv collector",
    "consumers": "netiv consumers",
    "preparers": "preparer_process",
}


async def fill(folder: Path, events: int, visitors: int) -> None:
    """A backlog in the log."""
    log = await open_embedded_log(folder / "log")
    source = records(events, visitors, seed=1)
    while chunk := list(itertools.islice(source, 2_000)):
        await log.append(chunk)
    await log.close()


@contextmanager
def stack(folder: str) -> Iterator[tuple[psutil.Process, dict[str, Any]]]:
    """`netiv up` on this folder: its process and its welcome."""
    command = [sys.executable, "-m", "netiv", "up", "--data", folder, "--port", "0", "--clickhouse-port", "0", "--json"]
    up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert up.stdout is not None
        yield psutil.Process(up.pid), msgspec.json.decode(document(up.stdout))
    finally:
        up.terminate()
        up.wait(120)


class Watch(threading.Thread):
    """The most that all processes had at once, and what each had then."""

    def __init__(self, up: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.peak: dict[str, int] = {}
        self._up = up
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Sample."""
        while not self._over.wait(SAMPLE_S):
            now = parts(self._up)
            if sum(now.values()) > sum(self.peak.values()):
                self.peak = now

    def end(self) -> dict[str, int]:
        """Stop; MiB by part."""
        self._over.set()
        self.join()
        return self.peak


def parts(up: psutil.Process) -> dict[str, int]:
    """MiB of each part of the stack."""
    found = dict.fromkeys(PARTS, 0)
    for process in [up, *up.children(recursive=True)]:
        try:
            command, resident = " ".join(process.cmdline()), process.memory_info().rss // MIB
        except psutil.NoSuchProcess:
            continue
        for name, mark in PARTS.items():
            if mark in command:
                found[name] += resident
    return found


def wait_until_derived(url: str, events: int) -> None:
    """Until sessions hold all events."""
    warehouse, deadline = ClickHouse(url), time.monotonic() + PATIENCE_S
    while int(warehouse.query("SELECT sum(events) FROM v_sessions", {}).rows[0][0] or 0) < events:
        if time.monotonic() > deadline:
            raise SystemExit("the backlog was not derived in time")
        time.sleep(ASKED_S)


def measure(events: int, visitors: int) -> dict[str, dict[str, int]]:
    """Idle on an empty log, and the peak on a full one."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="netiv-bench-") as folder, stack(folder) as (up, _):
        time.sleep(ASKED_S)
        found["idle"] = parts(up)
    with tempfile.TemporaryDirectory(prefix="netiv-bench-") as folder:
        asyncio.run(fill(Path(folder), events, visitors))
        with stack(folder) as (up, welcome):
            watch = Watch(up)
            wait_until_derived(welcome["clickhouse"], events)
            found[f"catching up with {events:,} events, the peak"] = watch.end()
            time.sleep(5 * ASKED_S)
            found["ten seconds later"] = parts(up)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--visitors", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.events, args.visitors)
    if args.json:
        print(json.dumps(found))
        return
    table = Table(title="Resident memory of `netiv up`, MiB")
    for column in ("", *PARTS, "together"):
        table.add_column(column, justify="right" if column else "left")
    for name, row in found.items():
        table.add_row(name, *(f"{mib:,}" for mib in row.values()), f"{sum(row.values()):,}")
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
