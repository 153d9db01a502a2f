"""What durability costs: the embedded log against the same file without syncing, and against a bare write + fdatasync.

Publishers are coroutines that await each acknowledgement before the next append. Variants are interleaved, round by
round, since a shared machine's clock swings; figures are medians, the ratios are what to rely on. 612-byte values.
`python -m bench.log [--rounds N] [--seconds S] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from eventlog.contract import Record
from eventlog.embedded import EmbeddedLog, file, open_embedded_log

VALUE: Final = os.urandom(612)


class Load(msgspec.Struct, frozen=True):
    """So many publishers, each appending so many records at once."""

    publishers: int
    batch: int

    @property
    def name(self) -> str:
        return f"{self.publishers} × {self.batch}"


class Figures(msgspec.Struct, frozen=True):
    """One run: records a second, milliseconds, CPU microseconds a record."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    read_rate: float


LOADS: Final = (Load(1, 1), Load(64, 1), Load(512, 1), Load(64, 20))
DURABLE, UNSYNCED, BARE = "durable", "no sync", "bare write + fdatasync"


@contextmanager
def unsynced() -> Iterator[None]:
    """New connections don't sync."""
    pragmas = file.PRAGMAS
    file.PRAGMAS = (*pragmas, "PRAGMA synchronous = OFF")
    try:
        yield
    finally:
        file.PRAGMAS = pragmas


async def publish(log: EmbeddedLog, load: Load, seconds: float) -> tuple[int, list[float]]:
    """Records appended, and the time of each append."""
    until = time.perf_counter() + seconds
    times: list[float] = []

    async def publisher(number: int) -> None:
        records = [Record(b"site\x1fvisitor-%d" % number, VALUE)] * load.batch
        now = time.perf_counter()
        while now < until:
            await log.append(records)
            before, now = now, time.perf_counter()
            times.append(now - before)

    await asyncio.gather(*(publisher(number) for number in range(load.publishers)))
    return len(times) * load.batch, times


async def measure(folder: Path, load: Load, seconds: float) -> Figures:
    """One variant under one load, then everything read back."""
    log = await open_embedded_log(folder)
    await log.append([Record(b"warm", VALUE)])
    cpu, start = time.process_time(), time.perf_counter()
    count, times = await publish(log, load, seconds)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - start
    reader = await log.reader("bench")
    start, left = time.perf_counter(), count
    while left > 0:
        left -= len((await reader.read(10_000, 1 << 24, 1.0)).records)
    read_s = time.perf_counter() - start
    await log.close()
    times.sort()
    p99 = times[len(times) * 99 // 100]
    return Figures(count / wall, times[len(times) // 2] * 1e3, p99 * 1e3, cpu / count * 1e6, count / read_s)


def measure_bare(folder: Path, seconds: float) -> Figures:
    """The disk's own speed: 700 bytes and a sync, one after the other."""
    fd = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    data, times = VALUE + bytes(88), []
    cpu, start = time.process_time(), time.perf_counter()
    now = start
    while now < start + seconds:
        os.write(fd, data)
        os.fdatasync(fd)
        before, now = now, time.perf_counter()
        times.append(now - before)
    os.close(fd)
    cpu, count = time.process_time() - cpu, len(times)
    times.sort()
    p99 = times[count * 99 // 100]
    return Figures(count / (now - start), times[count // 2] * 1e3, p99 * 1e3, cpu / count * 1e6, 0.0)


def run(rounds: int, seconds: float, place: Path | None) -> dict[tuple[str, str], Figures]:
    """(load, variant) -> medians over the rounds."""
    found: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    for _ in range(rounds):
        for load in LOADS:
            for variant in (DURABLE, UNSYNCED):
                with folder_in(place) as folder:
                    if variant == DURABLE:
                        figures = uvloop.run(measure(folder, load, seconds))
                    else:
                        with unsynced():
                            figures = uvloop.run(measure(folder, load, seconds))
                    found[load.name, variant].append(figures)
        with folder_in(place) as folder:
            found[LOADS[0].name, BARE].append(measure_bare(folder, seconds))
    return {key: middle(runs) for key, runs in found.items()}


@contextmanager
def folder_in(place: Path | None) -> Iterator[Path]:
    """A folder for one run."""
    folder = Path(tempfile.mkdtemp(prefix="bench-log-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def middle(runs: list[Figures]) -> Figures:
    """The median of each figure."""
    return Figures(*(median(getattr(run, name) for run in runs) for name in Figures.__struct_fields__))


def ratio(results: dict[tuple[str, str], Figures], load: str, variant: str) -> float:
    """Of the ceiling of the same load in the same run: the same file without syncing."""
    return results[load, variant].rate / results[load, UNSYNCED].rate


def show(results: dict[tuple[str, str], Figures]) -> None:
    """The table."""
    table = Table(title="Embedded log (publishers × records per append)")
    for heading in ("load", "variant", "records/s", "ratio to no sync", "p50 ms", "p99 ms", "CPU µs/record", "read/s"):
        table.add_column(heading, justify="left" if heading in {"load", "variant"} else "right")
    for (load, variant), figures in sorted(
        results.items(), key=lambda item: [each.name for each in LOADS].index(item[0][0])
    ):
        read = f"{figures.read_rate:,.0f}" if figures.read_rate else "-"
        cells = (f"{figures.rate:,.0f}", f"{ratio(results, load, variant):.2f}", f"{figures.p50_ms:.2f}")
        table.add_row(load, variant, *cells, f"{figures.p99_ms:.2f}", f"{figures.cpu_us:.1f}", read)
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each variant under each load in each round")
    parser.add_argument("--place", type=Path, help="where the files are written (default: the temporary folder)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = run(options.rounds, options.seconds, options.place)
    if options.json:
        rows = [
            {"load": load, "variant": variant, "ratio": ratio(results, load, variant), **msgspec.to_builtins(figures)}
            for (load, variant), figures in results.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        show(results)


if __name__ == "__main__":
    main()
