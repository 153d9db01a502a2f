"""Catching up: events/s through load and every refresh, against a bare column-oriented insert of the same rows.

`python -m bench.catchup [--events 200000 1000000] [--grow 1000000 5000000]`: one stack per table size and backlog; the table is first
filled to that size inside the engine and derived by a rebuild (timed too), then `--events` further ones are consumed. They are of
the same number of visitors whatever the table's size and the backlog, all of them known there: what is asked is what these cost.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.traffic import BEGIN_MS, records
from consumers.app import make_loop
from consumers.clock import now_us
from consumers.enrich.facts import facts_of
from consumers.enrich.row import EVENT_TYPES
from consumers.lookups import make_lookups
from consumers.rebuild import rebuild
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.opening import open_warehouse
from eventlog.contract import Position, Stored
from eventlog.embedded import open_embedded_log
from schemas.settings import Settings

MIB = 1024**2
ACTIVE_VISITORS = 50_000


class Peak(threading.Thread):
    """Peak resident memory of this process while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib = 0
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Sample."""
        me = psutil.Process()
        while not self._over.wait(0.05):
            self.mib = max(self.mib, me.memory_info().rss // MIB)

    def end(self) -> int:
        """Stop; the peak in MiB."""
        self._over.set()
        self.join()
        return self.mib


FILL = """
INSERT INTO events (site, subject, event_id, visitor_id, type, ts, ts_source, received_at, created_at, url, url_host, referrer,
    referrer_host, utm_source, utm_medium, utm_campaign, campaign_key, country, device_type, browser, os, language, active,
    dialect, properties, log_gen, log_off)
SELECT 'shop', concat('v', toString(v)), lower(hex(sipHash128(number))), concat('v', toString(v)), 'page', ts, 'created', ts + 200, ts,
    concat('https://shop.example/p/', toString(number % 5000)), 'shop.example',
    if(tagged, 'https://www.google.com/', 'https://shop.example/'), if(tagged, 'www.google.com', 'shop.example'),
    if(tagged, 'google', ''), if(tagged, 'cpc', ''), if(tagged, 'autumn', ''), if(tagged, 7, 0), 'IL', 'desktop', 'Chrome', 'Windows',
    'he-IL', 1, 'native', '{{}}', 1, number
FROM
(
    SELECT number, intDiv(number, 4) AS visit, cityHash64(visit) % {visitors} AS v, number % 4 = 0 AND visit % 3 = 0 AS tagged,
        fromUnixTimestamp64Milli(toInt64({begin} - 5184000000 + visit * toInt64(86400000 * 59 / ({events} / 4)) + (number % 4) * 40000), 'UTC') AS ts
    FROM numbers({events})
)
SETTINGS max_insert_threads = 1
"""


def cpu_s() -> float:
    """CPU seconds of this process and of those it started that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def sample_columns(rows: int) -> Mapping[str, Sequence[Any]]:
    """The columns of `rows` facts, at hand."""
    stored = [Stored(Position(9, 0, i), r.key, r.value, 0) for i, r in enumerate(records(rows, rows // 5, seed=3))]
    return facts_of(stored, make_lookups()).events


def bare_insert(rows: int) -> float:
    """The ceiling, in a process of its own: rows/s of clickhouse-connect's column-oriented insert with type names, best of
    five, of the same rows into the same table of the same engine, columns at hand."""
    import clickhouse_connect
    from clickhouse_connect.datatypes.registry import get_from_name
    from clickhouse_connect.driver.insert import InsertContext

    from consumers.refresh.sql import FOLDER
    from consumers.warehouse.migrations import read_files

    columns = sample_columns(rows)
    with tempfile.TemporaryDirectory(prefix="netiv-bench-") as folder:
        client = clickhouse_connect.create_client(interface="chdb", path=folder)
        client.command("CREATE DATABASE netiv")
        client.command("USE netiv")
        for file in read_files(FOLDER / "tables"):
            for statement in file.statements:
                client.command(statement)
        best = 0.0
        for _ in range(5):
            start = time.perf_counter()
            client.data_insert(
                InsertContext(
                    table="events", column_names=list(columns), data=list(columns.values()), column_oriented=True,
                    column_types=[get_from_name(EVENT_TYPES[name]) for name in columns],
                    column_formats={name: "int" for name in columns if "DateTime" in EVENT_TYPES[name]},
                )
            )  # fmt: skip
            best = max(best, rows / (time.perf_counter() - start))
        client.close()
    return best


async def block_insert(warehouse: Warehouse, rows: int) -> float:
    """Our own way in (one Native block): rows/s, best of four."""
    columns = sample_columns(rows)
    await warehouse.command("CREATE TABLE bare AS events")
    best = 0.0
    for _ in range(4):
        start = time.perf_counter()
        await warehouse.insert("bare", columns, EVENT_TYPES)
        best = max(best, rows / (time.perf_counter() - start))
    await warehouse.command("DROP TABLE bare")
    return best


async def measure(size: int, events: int, bare: float) -> dict[str, Any]:
    """One stack of one size."""
    visitors = max(ACTIVE_VISITORS, size // 20)
    folder = Path(tempfile.mkdtemp(prefix="netiv-bench-"))
    settings = Settings(data=folder)
    rules = load()
    warehouse = await open_warehouse(settings)
    log = await open_embedded_log(folder / "log")
    try:
        await prepare_tables(warehouse, rules)
        rebuilt_s, rebuild_mib = 0.0, 0
        if size:
            await warehouse.command(FILL.format(begin=BEGIN_MS, events=size, visitors=visitors))
            peak = Peak()
            start = time.perf_counter()
            await rebuild(warehouse, rules, now_us)
            rebuilt_s, rebuild_mib = time.perf_counter() - start, peak.end()
        source = records(events, ACTIVE_VISITORS, seed=size or 1)
        while chunk := list(itertools.islice(source, 2_000)):
            await log.append(chunk)
        block = await block_insert(warehouse, 20_000)
        loop, refresher = make_loop(log, warehouse, rules, settings)
        await refresher.prepare()
        stop = asyncio.Event()
        stop.set()
        peak = Peak()
        cpu = cpu_s()
        start = time.perf_counter()
        await loop.run(stop)
        took, cpu, mib = time.perf_counter() - start, cpu_s() - cpu, peak.end()
        count = (await warehouse.rows("SELECT count() FROM events"))[0][0]
        if count != size + events:
            raise SystemExit(f"{count} facts, expected {size + events}")
        return {
            "table": size, "events": events, "bare_rows_s": round(bare), "block_rows_s": round(block),
            "events_s": round(events / took), "ratio": round(events / took / bare, 3), "cpu_us": round(cpu / events * 1e6, 1), "peak_mib": mib,
            "rebuild_s": round(rebuilt_s, 2), "rebuild_events_s": round((size or 1) / rebuilt_s) if rebuilt_s else 0,
            "rebuild_over_catchup": round(size / rebuilt_s / (events / took), 1) if rebuilt_s else 0, "rebuild_mib": rebuild_mib,
        }  # fmt: skip
    finally:
        await log.close()
        await warehouse.close()
        shutil.rmtree(folder, ignore_errors=True)


def _worker(size: int, events: int, bare: float) -> dict[str, Any]:
    return asyncio.run(measure(size, events, bare))


def in_own_process(size: int, events: int) -> dict[str, Any]:
    """Ceiling and measurement, each in a fresh process: an engine keeps its memory, and one process holds one folder."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        bare = pool.submit(bare_insert, 20_000).result()
    with ProcessPoolExecutor(1, spawn) as pool:
        return pool.submit(_worker, size, events, bare).result()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="*", default=[200_000, 1_000_000])
    parser.add_argument("--grow", type=int, nargs="*", default=[0, 1_000_000])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [in_own_process(size, events) for events in args.events for size in args.grow]
    if args.json:
        print(json.dumps(rows))
        return
    table = Table(title="Catching up (ratio = events/s over rows/s of the bare insert)")
    for column in rows[0]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*(f"{value:,}" for value in row.values()))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
