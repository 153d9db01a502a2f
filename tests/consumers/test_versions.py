"""A clock that goes back, a restart in between: the later snapshot still wins."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from consumers.app import make_lookups
from consumers.enrich.facts import facts_of
from consumers.load import Loader, load_of
from consumers.refresh.refresher import Refresher
from consumers.refresh.replacing import REPLACED
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Position, Stored
from schemas.record import Accepted, encode

pytestmark = pytest.mark.anyio
AT = 1_772_495_400_000


class Clocked(PassingWarehouse):
    """A warehouse whose server has a clock of ours."""

    def __init__(self, inner, now_us: int) -> None:
        super().__init__(inner)
        self._now_us = now_us

    async def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        return await super().rows(sql.replace("now64(6)", f"fromUnixTimestamp64Micro({self._now_us})"), parameters)


def alone(warehouse, now_us: int) -> Refresher:
    return Refresher(warehouse, load(), "netiv_scratch", "netiv", lambda: now_us)


def shared(warehouse, now_us: int) -> Refresher:
    return SharedRefresher(Clocked(warehouse, now_us), load(), "netiv_scratch_a", "netiv", lambda: now_us)


@pytest.mark.parametrize("made", [alone, shared])
async def test_a_later_snapshot_wins_whatever_the_clock_says(tmp_path, made) -> None:
    warehouse = await open_embedded(tmp_path / "warehouse")
    try:
        await prepare_tables(warehouse, load())
        lookups = make_lookups()
        for number, now_us in enumerate((9_000_000, 5_000_000, 5_000_000, 7_000_000)):
            record = Accepted(
                site="s", received_at=AT + number, event_id=f"e{number}", visitor_id="v", event=b'{"type":"page"}'
            )
            facts = load_of(facts_of([Stored(Position(1, 0, number), b"", encode(record), 0)], lookups), {}, 1)
            refresher = made(warehouse, now_us)
            await refresher.prepare()
            await refresher.mark(facts.dirty)
            await Loader(warehouse, asyncio.sleep).insert(facts)
            await refresher.refresh(refresher.turn())
            assert await warehouse.rows("SELECT events FROM v_sessions") == [(number + 1,)]
    finally:
        await warehouse.close()


@pytest.mark.parametrize("made", [alone, shared])
async def test_a_consumer_goes_on_with_tables_that_got_a_column(tmp_path, made) -> None:
    """A newer version migrated while this one runs."""
    warehouse = await open_embedded(tmp_path / "warehouse")
    try:
        await prepare_tables(warehouse, load())
        refresher = made(warehouse, AT * 1_000)
        await refresher.prepare()
        for derived in REPLACED:
            await warehouse.command(f"ALTER TABLE {derived.table} ADD COLUMN of_tomorrow String AFTER site")
        event = b'{"type":"conversion","user_id":"u","order":{"id":"o","value":5,"currency":"EUR"}}'
        record = Accepted(site="s", received_at=AT, event_id="e", visitor_id="v", event=event)
        facts = load_of(facts_of([Stored(Position(1, 0, 0), b"", encode(record), 0)], make_lookups()), {}, 1)
        await Loader(warehouse, asyncio.sleep).insert(facts)
        for _ in range(2):  # the second writes over rows of the first
            await refresher.mark(facts.dirty)
            await refresher.refresh(refresher.turn())
        assert await warehouse.rows("SELECT person_id, channel FROM v_touchpoints") == [("user_id:u", "Direct")]
        assert await warehouse.rows("SELECT name, path_channels FROM v_conversion_paths") == [("purchase", ["Direct"])]
    finally:
        await warehouse.close()
