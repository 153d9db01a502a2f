"""Identity: links resolved per second as they arrive, everything resolved anew, one person with 5,000 touchpoints.

`python -m bench.identity [--persons 600000] [--events 100000]`: the table is first filled inside the engine with as many
persons (a million identifiers on half a million links), a rebuild of the identifiers is timed, then events that each carry
a link arrive through the consumer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench.catchup import MIB, Peak
from consumers.app import make_loop
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.opening import open_warehouse
from eventlog.contract import Record
from eventlog.embedded import open_embedded_log
from schemas.record import Accepted, encode, key_of
from schemas.settings import Settings

BEGIN_MS = 1_780_000_000_000
# Of six persons four have logged in on their device, one has given an address there, one has a device and nothing else:
# 600,000 persons are 1.1 million identifiers, a million of them on links.
LINKS = """
INSERT INTO identity_links (site, id_type, id_value, other_type, other_value, kind, ts, received_at, event_id, evidence, log_gen,
    log_off, subject)
SELECT 'shop', way.1, way.2, way.3, way.4, 'identify', ts, ts, concat('e', toString(number)), 'identify', 1, number, subject
FROM
(
    SELECT
        number, fromUnixTimestamp64Milli(toInt64({begin} + number), 'UTC') AS ts,
        concat('v', toString(number)) AS subject,
        if(number % 6 < 4, 'user_id', 'email') AS kind,
        if(number % 6 < 4, concat('u', toString(number)), lower(hex(SHA256(toString(number))))) AS value,
        arrayJoin([('visitor_id', subject, kind, value), (kind, value, 'visitor_id', subject)]) AS way
    FROM numbers({persons})
    WHERE number % 6 != 5
)
"""


def events(number: int, first: int) -> list[Record]:
    """Events that each carry one link, of persons known and new."""
    made = []
    for n in range(first, first + number):
        at = BEGIN_MS + n * 20
        event = {"type": "identify", "created_at": at, "user_id": f"u{n * 7919 % 1_000_000}"}
        accepted = Accepted(
            site="shop", received_at=at + 200, event_id=f"n{n}", visitor_id=f"v{n * 7919 % 1_000_000}",
            event=msgspec.json.encode(event),
        )  # fmt: skip
        made.append(Record(key_of("shop", accepted.visitor_id), encode(accepted)))
    return made


class Watch:
    """Seconds since it was made: by the wall clock, and of all threads of this process."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def end(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s


async def measure(persons: int, number: int, touches: int) -> dict[str, Any]:
    """All three figures."""
    folder = Path(tempfile.mkdtemp(prefix="netiv-bench-"))
    settings, rules = Settings(data=folder), load()
    warehouse = await open_warehouse(settings)
    log = await open_embedded_log(folder / "log")
    try:
        await prepare_tables(warehouse, rules)
        loop, refresher = make_loop(log, warehouse, rules, settings)
        await refresher.prepare()
        await warehouse.command(LINKS.format(begin=BEGIN_MS, persons=persons))
        idle = psutil.Process().memory_info().rss // MIB
        peak, full = Peak(), Watch()
        await refresher.mark_where("1")
        identifiers = await refresher.resolve(refresher.turn())
        full_s, full_cpu_s = full.end()
        mib = peak.end()
        await refresher.clear(1)
        for at in range(0, number, 2_000):
            await log.append(events(min(2_000, number - at), at))
        stop = asyncio.Event()
        stop.set()
        stream = Watch()
        await loop.run(stop)
        stream_s, stream_cpu_s = stream.end()
        one_ms, one_cpu_ms = await one_person(warehouse, refresher, touches)
        return {
            "identifiers": identifiers, "full_s": round(full_s, 1), "full_cpu_s": round(full_cpu_s, 1), "mib_over_idle": mib - idle,
            "links": number, "links_s": round(number / stream_s), "links_cpu_s": round(number / stream_cpu_s),
            "person_touches": touches, "person_ms": round(one_ms), "person_cpu_ms": round(one_cpu_ms),
        }  # fmt: skip
    finally:
        await log.close()
        await warehouse.close()
        shutil.rmtree(folder, ignore_errors=True)


async def one_person(warehouse: Warehouse, refresher: Any, touches: int) -> tuple[float, float]:
    """Milliseconds (by the wall clock, of CPU) to refresh one person who has that many touchpoints, best of five."""
    await warehouse.command(
        "INSERT INTO events (site, subject, event_id, visitor_id, user_id, type, ts, received_at, touch_kind, active, log_gen, log_off) "
        f"SELECT 'shop', 'busy', concat('b', toString(number)), 'busy', 'busy', if(number % 100 = 0, 'conversion', 'touch'), "
        f"fromUnixTimestamp64Milli(toInt64({BEGIN_MS} + number * 600000), 'UTC') AS ts, ts, 'call', 1, 2, number FROM numbers({touches})"
    )
    best = (1e9, 1e9)
    for _ in range(5):
        await refresher.mark([("shop", "busy", 0)])
        watch = Watch()
        cycle = refresher.turn()
        await refresher.refresh(cycle)
        best = min(best, watch.end())
        await refresher.clear(cycle)
    return best[0] * 1_000, best[1] * 1_000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=600_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--touches", type=int, default=5_000)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(measure(args.persons, args.events, args.touches))))


if __name__ == "__main__":
    main()
