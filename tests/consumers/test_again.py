"""A warehouse that was restored from an older backup: what it lost is read from the log again, once, by itself or when asked."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bench.traffic import records
from consumers.app import make_loop, retain
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
from eventlog.embedded.file import FILE_NAME
from schemas.progress import GROUP
from schemas.record import Bad, encode, key_of
from schemas.settings import Settings
from tests.kafka.waiting import until

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


async def lose(warehouse: Warehouse) -> None:
    """The tables as they were when `KEPT` records were read."""
    for table in FACTS:
        await warehouse.command(f"ALTER TABLE {table} DELETE WHERE log_off >= {KEPT} SETTINGS mutations_sync = 2")
    await rebuild(warehouse, load(), now_us)


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
        await lose(warehouse)
        assert (await warehouse.rows("SELECT count() FROM events"))[0][0] == KEPT
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


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Log, Warehouse, Settings]]:
    """Tables and a log, all of which is derived."""
    settings = Settings(data=folder)
    warehouse = await open_warehouse(settings)
    log = await open_embedded_log(folder / "log")
    try:
        await prepare_tables(warehouse, load())
        await log.append(list(records(COUNT, 60, seed=7)))
        await consume(log, warehouse, settings)
        yield log, warehouse, settings
    finally:
        await log.close()
        await warehouse.close()


@pytest.mark.anyio
async def test_tables_that_went_back_alone_are_noticed_and_filled_before_anything_new(tmp_path: Path) -> None:
    async with opened(tmp_path) as (log, warehouse, settings):
        whole = await seen(warehouse)
        await lose(warehouse)
        assert await seen(warehouse) != whole
        with capture_logs() as told:
            await consume(log, warehouse, settings)
        assert await seen(warehouse) == whole
        [went_back] = [one for one in told if one["event"] == "tables_went_back"]
        assert (went_back["since"], went_back["loaded"], went_back["lacking"]) == (KEPT, COUNT - KEPT, 0)
        await lose(warehouse)
        await warehouse.command("TRUNCATE TABLE events")  # no tables at all: everything the log keeps
        await log.append(list(records(10, 3, seed=8)))
        await consume(log, warehouse, settings)
        assert (await warehouse.rows("SELECT uniqExact(log_off), count() FROM events"))[0] == (COUNT + 10, COUNT + 10)
        with capture_logs() as told:
            await consume(log, warehouse, settings)
        assert [one for one in told if one["event"] == "tables_went_back"] == []


@pytest.mark.anyio
async def test_retention_waits_until_what_was_lost_is_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as (log, warehouse, settings):
        whole = await seen(warehouse)
        await lose(warehouse)
        loop, refresher = make_loop(log, warehouse, load(), settings)
        await refresher.prepare()
        nothing_is_kept = settings.model_copy(update={"log_age_max_s": 1e-3})
        retaining = asyncio.create_task(retain(log, nothing_is_kept, loop.placed))
        for turn in range(8):  # of the log's writer, who does one thing after another
            await log.mark("turn", {0: turn})
        stop = asyncio.Event()
        stop.set()
        await loop.run(stop)
        assert await seen(warehouse) == whole

        async def is_empty() -> bool:
            return await log.read_from(0, 0, 1, 1) == []

        await until(is_empty)
        retaining.cancel()


@pytest.mark.anyio
async def test_what_the_log_keeps_no_longer_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as (log, warehouse, settings):
        await log.retain(0.0, 0, [GROUP])
        assert await log.read_from(0, 0, 1, 1) == []
        asked, performer = (
            Reread(0, 0),
            Performer(warehouse, make_loop(log, warehouse, load(), settings)[1], now_us, log),
        )
        assert (await performer.perform(asked)).hint == "", "all of it is in the tables"
        await lose(warehouse)
        with capture_logs() as told:
            await consume(log, warehouse, settings)
        [went_back] = [one for one in told if one["event"] == "tables_went_back"]
        assert (went_back["loaded"], went_back["lacking"]) == (0, COUNT - KEPT)
        done = await performer.perform(asked)
        assert (
            f"Before offset {COUNT}, where what the log keeps of partition 0 begins, {COUNT - KEPT} places" in done.hint
        )


@pytest.mark.anyio
async def test_a_log_with_another_number_is_not_read_from_its_beginning(tmp_path: Path) -> None:
    """As docs/operations.md has it for a log older than the tables: only what is beyond its commits is new."""
    async with opened(tmp_path) as (log, warehouse, settings):
        await log.close()
        with closing(sqlite3.connect(tmp_path / "log" / FILE_NAME)) as db, db:
            db.execute("UPDATE origin SET generation = generation % 4294967295 + 1")
        log = await open_embedded_log(tmp_path / "log")
        try:
            await consume(log, warehouse, settings)
        finally:
            await log.close()
        assert (await warehouse.rows("SELECT uniqExact(log_gen), count() FROM events"))[0] == (1, COUNT)
