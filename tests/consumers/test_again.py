"""A warehouse that was restored from an older backup: what it lost is read from the log again, once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bench.traffic import records
from consumers.app import make_loop
from consumers.clock import now_us
from consumers.identity.performing import Performer
from consumers.identity.requests import Reread
from consumers.rebuild import rebuild
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.opening import open_warehouse
from eventlog.contract import Log, Record
from eventlog.embedded import open_embedded_log
from schemas.record import Bad, encode, key_of
from schemas.settings import Settings

COUNT, KEPT = 600, 250
FACTS = ("events", "identity_links", "bad_events")
SEEN = (
    "SELECT site, event_id, visitor_id, person_id, session_id, ts FROM v_events ORDER BY ALL",
    "SELECT site, session_id, person_id, events, channel, conversions FROM v_sessions ORDER BY ALL",
    "SELECT site, conversion_id, person_id, value, path_channels FROM v_conversion_paths ORDER BY ALL",
    "SELECT site, id_type, id_value, person_id FROM v_identities ORDER BY ALL",
    "SELECT log_gen, log_part, log_off, code FROM bad_events ORDER BY ALL",
    "SELECT uniqExact(log_off), count() FROM events",
)


async def seen(warehouse: Warehouse) -> list[list[tuple[Any, ...]]]:
    return [await warehouse.rows(sql) for sql in SEEN]


async def consume(log: Log, warehouse: Warehouse, settings: Settings) -> None:
    loop, refresher = make_loop(log, warehouse, load(), settings)
    await refresher.prepare()
    stop = asyncio.Event()
    stop.set()
    await loop.run(stop)


@pytest.mark.anyio
async def test_what_a_restored_warehouse_lost_comes_from_the_log(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    warehouse = await open_warehouse(settings)
    log = await open_embedded_log(tmp_path / "log")
    try:
        await prepare_tables(warehouse, load())
        sent = list(records(COUNT, 60, seed=7))
        bad = Bad("shop", 1_780_000_000_000, "unknown_type", b"{}")
        sent[KEPT + 3 : KEPT + 3] = [Record(key_of("shop", ""), encode(bad))]
        await log.append(sent)
        await consume(log, warehouse, settings)
        whole = await seen(warehouse)
        for table in FACTS:
            await warehouse.command(f"ALTER TABLE {table} DELETE WHERE log_off >= {KEPT} SETTINGS mutations_sync = 2")
        await rebuild(warehouse, load(), now_us)
        await consume(log, warehouse, settings)
        assert (await warehouse.rows("SELECT count() FROM events"))[0][0] == KEPT, "nothing comes back by itself"
        _, refresher = make_loop(log, warehouse, load(), settings)
        await refresher.prepare()
        performer = Performer(warehouse, refresher, now_us, log)
        assert (await performer.perform(Reread(0, 100))).count == COUNT + 1 - KEPT
        assert await seen(warehouse) == whole
        assert (await performer.perform(Reread(0, 0))).count == 0
        assert await seen(warehouse) == whole
        nowhere = await performer.perform(Reread(3, 0))
        assert "no partition 3" in nowhere.error
        assert nowhere.hint == "Write 0:OFFSET."
        end = (await log.ends())[0]
        assert (await performer.perform(Reread(0, end))).count == 0
        assert (await performer.perform(Reread(0, end + 1))).error == f"Partition 0 of the log ends at {end}."
    finally:
        await log.close()
        await warehouse.close()
