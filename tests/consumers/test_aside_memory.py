"""A visitor that needs more memory than the engine may take: everybody else is derived, and it is once there is more."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from consumers.clock import now_us
from consumers.refresh.refresher import Refresher
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.embedded import EmbeddedWarehouse, open_embedded
from consumers.warehouse.engine_files import EngineLimits

pytestmark = pytest.mark.anyio
# A fifth of a million events take some 180 MB to be made sessions of.
FAT = 200_000
LITTLE = msgspec.structs.replace(EngineLimits(), query_memory_bytes_max=100 * 1024**2)
COUNTED = "SELECT countIf(subject != 'robot'), sumIf(events, subject = 'robot'), (SELECT count() FROM set_aside FINAL) FROM sessions FINAL"
VISITORS = f"if(number < {FAT}, 'robot', concat('v', toString(number)))"
EVENTS = (
    "INSERT INTO events (site, subject, visitor_id, event_id, active, type, ts, received_at, log_gen, log_part, log_off) "
    f"SELECT 'fat', {VISITORS} AS subject, subject, toString(number), 1, 'page', "
    "toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + toIntervalSecond(number * 10) AS ts, ts, 9, 0, number "
    f"FROM numbers({FAT + 40})"
)


async def consumer(warehouse: EmbeddedWarehouse) -> Refresher:
    refresher = Refresher(warehouse, load(), "netiv_scratch", "netiv", now_us)
    await refresher.prepare()
    return refresher


async def test_a_visitor_that_needs_more_memory_than_there_is(tmp_path: Path) -> None:
    warehouse = await open_embedded(tmp_path / "warehouse", limits=LITTLE)
    try:
        await prepare_tables(warehouse, load())
        await warehouse.command(EVENTS)
        refresher = await consumer(warehouse)
        await refresher.mark_where("log_gen = 9")
        cycle = refresher.turn()
        await refresher.refresh(cycle)
        await refresher.clear(cycle)
        assert await warehouse.rows(COUNTED) == [(40, 0, 1)]
        [entry] = refresher.aside.entries.values()
        assert (entry.key, entry.reason) == ("robot", "MEMORY_LIMIT_EXCEEDED in 30_sessions")
    finally:
        await warehouse.close()
    warehouse = await open_embedded(tmp_path / "warehouse")
    try:
        refresher = await consumer(warehouse)
        await refresher.refresh(refresher.turn())
        assert await warehouse.rows(COUNTED) == [(40, FAT, 0)]
    finally:
        await warehouse.close()
