"""Attribution at scale: models over 10 million touchpoints against a bare count with the same join, in one run.

    python -m bench.attribution [touchpoints]      (default 10,000,000; one conversion per 50 touchpoints)

Prints seconds of the wall clock and of the processors (the best of 5: what else a machine does only ever adds), ratios to the bare
count, and memory above the idle engine.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from consumers.rules.files import load
from consumers.rules.view_macros import ALWAYS
from consumers.tables import prepare_tables
from consumers.warehouse.embedded import EmbeddedWarehouse, open_embedded
from consumers.warehouse.engine_files import EngineLimits

ROUNDS = 5
GIB = 1024**3
CHANNELS = (
    "['Direct', 'Organic Search', 'Paid Search', 'Paid Social', 'Organic Social', 'Email', 'Display', 'Referral', "
    "'Community', 'Influencer', 'Affiliates', 'Live']"
)
ONE = """attribution_with(options = '{{"model": "{}"}}')"""
FIVE = "('first', 'last', 'linear', 'position', 'time_decay')"
FIVE_OF = f"SELECT model, channel, sum(credit), sum(value) FROM {{}} WHERE model IN {FIVE} GROUP BY model, channel"
BARE = """SELECT t.channel, count() FROM (SELECT site, person_id, ts, channel FROM touchpoints FINAL) AS t
INNER JOIN (SELECT site, person_id, ts FROM conversions FINAL) AS c ON c.site = t.site AND c.person_id = t.person_id
WHERE t.ts <= c.ts AND t.ts > c.ts - INTERVAL 90 DAY GROUP BY t.channel"""
QUESTIONS = {
    "bare count with the join": BARE,
    "bare count over the paths": "SELECT channel, count() FROM conversion_paths FINAL ARRAY JOIN path_channels AS channel GROUP BY channel",
    "five positional models": FIVE_OF.format("v_attribution_positional"),
    "the same of v_attribution": FIVE_OF.format("v_attribution"),
    "one model (linear)": f"SELECT channel, sum(credit), sum(value) FROM {ONE.format('linear')} GROUP BY channel",
    "markov": f"SELECT channel, sum(credit), sum(value) FROM {ONE.format('markov')} GROUP BY channel",
    "shapley": f"SELECT channel, sum(credit), sum(value) FROM {ONE.format('shapley')} GROUP BY channel",
    "markov effects alone": f"SELECT channel, effect FROM attribution_markov({ALWAYS})",
}


async def fill(warehouse: EmbeddedWarehouse, touchpoints: int) -> None:
    """Persons with ten touches each over 80 days; one in five converts once. The derived tables as the pipeline leaves them."""
    persons, step = touchpoints // 10, 100_000
    for low in range(0, persons, step):
        high = min(low + step, persons)
        rows = f"FROM numbers({low * 10}, {(high - low) * 10})"
        await warehouse.command(f"""INSERT INTO touchpoints (site, subject, ts, touchpoint_id, person_id, kind,
            node, channel, source, medium, version)
            SELECT 'shop', concat('v', toString(intDiv(number, 10))), toDateTime64('2026-01-01 00:00:00', 3,
                'UTC') + (number % 10) * 691200 + sipHash64(number) % 600000,
                number + 1, concat('user_id:', toString(intDiv(number, 10))), 'visit', 'classic',
                {CHANNELS}[sipHash64(number, 1) % 12 + 1], 'x', 'y', 1 {rows}""")
        await warehouse.command(f"""INSERT INTO conversions (site, person_id, conversion_id, ts, name, value,
            currency, version)
            SELECT 'shop', concat('user_id:', toString(number)), number + 1, toDateTime64('2026-03-25 00:00:00', 3,
                'UTC'), 'purchase', toDecimal64(sipHash64(number) % 50000 / 100, 4), 'EUR', 1
            FROM numbers({low}, {high - low}) WHERE number % 5 = 0""")
        path = f"""SELECT person_id, intDiv(any(touchpoint_id) - 1, 10) AS person, arraySort(groupArray((ts,
            touchpoint_id, channel))) AS steps
            FROM touchpoints WHERE touchpoint_id > {low * 10} AND touchpoint_id <= {high * 10} GROUP BY person_id"""
        await warehouse.command(f"""INSERT INTO conversion_paths (site, person_id, conversion_id, converted_at,
            name, value, currency, number, touches, path_channels,
                path_nodes, path_sources, path_mediums, path_campaigns, path_kinds, path_ts, path_touchpoint_ids,
                first_touch_at, seconds_to_convert, devices, version)
            SELECT 'shop', person_id, person + 1, toDateTime64('2026-03-25 00:00:00', 3, 'UTC'), 'purchase',
                toDecimal64(sipHash64(person) % 50000 / 100, 4), 'EUR', 1, 10, steps.3,
                arrayMap(s -> 'classic', steps), arrayMap(s -> 'x', steps), arrayMap(s -> 'y', steps),
                arrayMap(s -> '', steps), arrayMap(s -> 'visit', steps), steps.1, steps.2,
                steps[1].1, 100, 1, 1 FROM ({path}) WHERE person % 5 = 0""")
        await warehouse.command(f"""INSERT INTO open_paths (site, person_id, touches, path_channels, path_ts,
            last_touch_at, version)
            SELECT 'shop', person_id, 10, steps.3, steps.1, steps[-1].1, 1 FROM ({path}) WHERE person % 5 != 0""")


class Peak:
    """The most memory this process had while the block ran."""

    def __enter__(self) -> Self:
        self._process, self._done = psutil.Process(), threading.Event()
        self.start = self.most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.most = max(self.most, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


class Cost(NamedTuple):
    """Of one question: the least seconds of the wall clock and of the processors, and MiB above the start."""

    wall_s: float
    cpu_s: float
    mib: float


async def measure(warehouse: EmbeddedWarehouse, sql: str) -> Cost:
    """Ask it several times."""
    taken = []
    with Peak() as peak:
        for _ in range(ROUNDS):
            wall, cpu = time.perf_counter(), time.process_time()
            await warehouse.rows(sql)
            taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return Cost(min(one[0] for one in taken), min(one[1] for one in taken), (peak.most - peak.start) / 1024**2)


async def main(touchpoints: int) -> None:
    """Fill, ask, print."""
    limits = EngineLimits(memory_bytes_max=6 * GIB, query_memory_bytes_max=4 * GIB, spill_bytes=2 * GIB)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = await open_embedded(Path(folder), limits=limits)
        await prepare_tables(warehouse, load())
        started = time.perf_counter()
        await fill(warehouse, touchpoints)
        for table in ("touchpoints", "conversions", "conversion_paths", "open_paths"):
            await warehouse.command(f"OPTIMIZE TABLE {table} FINAL")
        print(
            f"{touchpoints:,} touchpoints, {touchpoints // 50:,} conversions; filled in {time.perf_counter() - started:.0f} s"
        )
        floor: Cost | None = None
        for name, sql in QUESTIONS.items():
            cost = await measure(warehouse, sql)
            floor = floor or cost
            print(
                f"{name:28} {cost.wall_s:7.2f} s {cost.wall_s / floor.wall_s:5.2f} x   "
                f"{cost.cpu_s:7.2f} s of CPU {cost.cpu_s / floor.cpu_s:5.2f} x   {cost.mib:6.0f} MiB above idle"
            )
        await warehouse.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 10_000_000))
