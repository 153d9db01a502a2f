"""The loop finds its place after any crash: what is in the table is not inserted again, what was not derived is derived."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from consumers.app import make_loop
from consumers.clock import now_us
from consumers.enrich.facts import facts_of
from consumers.identity.performing import Performer
from consumers.identity.requests import Erase
from consumers.load import Loader, load_of
from consumers.lookups import make_lookups
from consumers.loop import Loop, Pace
from consumers.rebuild import Successor
from consumers.refresh.kinds import SUBJECT
from consumers.refresh.order import Work
from consumers.rules.desk import Desk
from consumers.rules.files import load
from consumers.warehouse.block import Block
from consumers.warehouse.contract import Warehouse, WarehouseError
from consumers.warehouse.embedded import EmbeddedWarehouse
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Log, LogWentBack, Record, Stored
from eventlog.embedded import open_embedded_log
from schemas.progress import GROUP
from schemas.record import Accepted, Bad, encode
from schemas.settings import Settings
from tests.consumers.test_aside import Fault, Faulty
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio
AT = 1_772_495_400_000


class Stage:
    """A log, a warehouse, and consumers that run until nothing waits."""

    def __init__(self, log: Log, warehouse: EmbeddedWarehouse) -> None:
        self.log, self.warehouse = log, warehouse

    async def send(self, *values: bytes) -> None:
        await self.log.append([Record(b"v", value) for value in values])

    async def consume(self) -> None:
        loop, refresher = make_loop(self.log, self.warehouse, load(), Settings())
        await refresher.prepare()
        stop = asyncio.Event()
        stop.set()
        await loop.run(stop)

    async def insert_only(self, records_max: int) -> None:
        """What a consumer did that died between its insert and its refresh."""
        records: list[Stored] = await self.log.read_from(0, 0, records_max, 1 << 20)
        made = load_of(facts_of(records, make_lookups()), {}, len(records))
        await Loader(self.warehouse, asyncio.sleep).insert(made)

    async def count(self) -> tuple[int, int]:
        """(rows of events, events in sessions)."""
        rows = await self.warehouse.rows("SELECT (SELECT count() FROM events), (SELECT sum(events) FROM v_sessions)")
        return int(rows[0][0]), int(rows[0][1])

    async def reached(self, *wanted: int) -> None:
        """Wait until `count` tells these."""

        async def is_reached() -> bool:
            return await self.count() == wanted

        await until(is_reached)

    async def committed(self) -> int:
        return (await self.log.committed(GROUP))[0]


@pytest.fixture
async def stage(warehouse: EmbeddedWarehouse, tmp_path: Path) -> AsyncIterator[Stage]:
    log = await open_embedded_log(tmp_path / "log")
    try:
        yield Stage(log, warehouse)
    finally:
        await log.close()


def page(number: int) -> bytes:
    return encode(
        Accepted(site="s", received_at=AT + number, event_id=f"e{number}", visitor_id="v", event=b'{"type":"page"}')
    )


async def test_a_batch_is_loaded_derived_and_committed(stage: Stage) -> None:
    await stage.send(*(page(n) for n in range(10)))
    await stage.consume()
    assert await stage.count() == (10, 10)
    assert await stage.committed() == 10


@pytest.mark.parametrize("inserted", [1, 6, 10])
async def test_facts_of_a_dead_consumer_are_not_inserted_again_but_derived(stage: Stage, inserted: int) -> None:
    await stage.send(*(page(n) for n in range(10)))
    await stage.insert_only(inserted)
    assert await stage.count() == (inserted, 0)
    await stage.consume()
    assert await stage.count() == (10, 10)
    assert await stage.committed() == 10


async def test_erased_facts_do_not_come_back_where_the_table_ends_below_the_commit(stage: Stage) -> None:
    await stage.send(*(page(n) for n in range(4)))
    await stage.consume()
    _, refresher = make_loop(stage.log, stage.warehouse, load(), Settings())
    await refresher.prepare()
    assert (await Performer(stage.warehouse, refresher, now_us).perform(Erase("s", "visitor_id:v"))).count == 4
    await stage.consume()
    assert (await stage.count())[0] == 0


async def test_a_log_older_than_the_tables_is_refused(stage: Stage, tmp_path: Path) -> None:
    """An older copy of the log's folder was put back: what is appended since has the places of facts that are there."""
    await stage.send(*(page(n) for n in range(8)))
    await stage.consume()
    before = stage.log
    stage.log = await open_embedded_log(tmp_path / "older")
    try:
        generation = before.generation
        with closing(sqlite3.connect(tmp_path / "older" / "log.sqlite3")) as file, file:
            file.execute("UPDATE origin SET generation = ?", (generation,))
        await stage.log.close()
        stage.log = await open_embedded_log(tmp_path / "older")
        await stage.send(page(100))
        with pytest.raises(LogWentBack, match="up to offset 8") as caught:
            await stage.consume()
        assert "operations.md" in caught.value.hint
        # The way that the manual shows: another number, and all of it counts as new.
        await stage.log.close()
        with closing(sqlite3.connect(tmp_path / "older" / "log.sqlite3")) as file, file:
            file.execute("UPDATE origin SET generation = generation % 4294967295 + 1")
        stage.log = await open_embedded_log(tmp_path / "older")
        await stage.consume()
        assert (await stage.count())[0] == 9
    finally:
        await stage.log.close()
        stage.log = before


async def test_consuming_again_changes_nothing(stage: Stage) -> None:
    await stage.send(*(page(n) for n in range(4)))
    for _ in range(2):
        await stage.consume()
        assert await stage.count() == (4, 4)


async def test_poison_never_blocks(stage: Stage) -> None:
    broken = encode(Accepted(site="s", received_at=AT, event_id="x", visitor_id="v", event=b"{"))
    refused = encode(Bad(site="s", received_at=AT, code="too_large", payload=b"?"))
    await stage.send(b"", b"\xff\xfe", page(1), broken, refused, page(2), b"\x90")
    await stage.consume()
    assert await stage.count() == (2, 2)
    assert await stage.committed() == 7
    bad = await stage.warehouse.rows("SELECT log_off, code FROM v_bad_events ORDER BY log_off")
    assert bad == [(0, "undecodable"), (1, "undecodable"), (3, "undecodable"), (4, "too_large"), (6, "undecodable")]


async def test_nothing_but_poison_is_committed_too(stage: Stage) -> None:
    await stage.send(b"", b"\x00")
    await stage.consume()
    assert await stage.committed() == 2
    await stage.consume()
    assert await stage.warehouse.rows("SELECT count() FROM v_bad_events") == [(2,)]


class SlowToLoad(PassingWarehouse):
    """Facts arrive in the table only when they are let."""

    def __init__(self, warehouse: EmbeddedWarehouse) -> None:
        super().__init__(warehouse)
        self.waits, self.go = asyncio.Event(), asyncio.Event()

    async def insert_block(self, table: str, block: Block) -> None:
        self.waits.set()
        await self.go.wait()
        await super().insert_block(table, block)


async def test_who_catches_up_beside_the_stream_waits_for_facts_whose_keys_are_marked(stage: Stage) -> None:
    """Else it would derive the key without the facts, and forget the mark."""
    slow = SlowToLoad(stage.warehouse)
    loop, refresher = make_loop(stage.log, slow, load(), Settings())
    await refresher.prepare()
    successor = Successor(stage.warehouse, load(), "netiv_next", now_us)
    await successor.begin()
    loop.follow(successor)
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await stage.send(page(1))
    await slow.waits.wait()
    desk = Desk(Settings(), stage.warehouse, loop, refresher, now_us)
    catching_up = asyncio.create_task(desk._catch_up(successor))
    await asyncio.wait({catching_up}, timeout=0.5)
    assert not catching_up.done()
    slow.go.set()
    assert await catching_up == 1
    assert await stage.warehouse.rows("SELECT sum(events) FROM netiv_next.sessions FINAL") == [(1,)]
    await successor.discard()
    stop.set()
    await running


class SlowToDerive(PassingWarehouse):
    """A refresh goes on only when it is let."""

    def __init__(self, warehouse: Warehouse, step: str = "INTO netiv_scratch.visits") -> None:
        super().__init__(warehouse)
        self.step = step
        self.waits, self.go = asyncio.Event(), asyncio.Event()

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        if self.step in sql:
            self.waits.set()
            await self.go.wait()
        await super().command(sql, parameters)


async def test_what_comes_while_a_refresh_is_under_way_gathers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.loop.GATHER_S", 600.0)
    slow = SlowToDerive(stage.warehouse)
    loop, refresher = make_loop(stage.log, slow, load(), Settings())
    await refresher.prepare()
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await stage.send(page(1))
    await slow.waits.wait()
    for number in range(2, 6):
        await stage.send(page(number))
    await asyncio.wait({running}, timeout=0.5)
    assert (await stage.count())[0] == 1
    slow.go.set()  # the refresh ends long before the time is over
    await stage.reached(5, 5)
    assert await stage.warehouse.rows("SELECT uniqExact(_part) <= 2 FROM events") == [(1,)]  # two may be merged already
    stop.set()
    await running


async def test_what_has_gathered_is_loaded_while_a_refresh_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the next one can follow at once."""
    monkeypatch.setattr("consumers.loop.GATHER_S", 600.0)
    begun = SlowToDerive(stage.warehouse)
    ending = SlowToDerive(begun, "INTO netiv.conversion_paths")
    loop, refresher = make_loop(stage.log, ending, load(), Settings())
    await refresher.prepare()
    derived: list[int] = []
    monkeypatch.setattr(loop.metrics, "derived", lambda number, _: derived.append(number))
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await stage.send(page(1))
    await begun.waits.wait()
    for number in range(2, 6):
        await stage.send(page(number))
    begun.go.set()
    await ending.waits.wait()

    async def all_loaded() -> bool:
        return (await stage.count())[0] == 5

    await until(all_loaded)
    assert not any(derived), "it has not ended yet"
    ending.go.set()
    await stage.reached(5, 5)
    stop.set()
    await running
    assert [number for number in derived if number] == [1, 4]


class MergesWatched(PassingWarehouse):
    """Writes down when merges are held, and after how many inserts of facts."""

    def __init__(self, warehouse: EmbeddedWarehouse) -> None:
        super().__init__(warehouse)
        self.inserts = 0
        self.holds: list[tuple[int, bool]] = []

    async def insert_block(self, table: str, block: Block) -> None:
        self.inserts += "loading" in table  # where facts go on their way into `events`
        await super().insert_block(table, block)

    async def hold_merges(self, table: str, *, held: bool) -> None:
        assert table == "events"
        self.holds.append((self.inserts, held))
        await super().hold_merges(table, held=held)


@pytest.fixture
async def backlog(stage: Stage) -> tuple[Loop, MergesWatched]:
    """Fifty loads wait, of two records each; a refresh under backlog is due after ten loads, far behind after thirty."""
    await stage.send(*(page(n) for n in range(100)))
    watched = MergesWatched(stage.warehouse)
    loop, refresher = make_loop(stage.log, watched, load(), Settings())
    loop._pace = Pace(records_max=2, refresh_records_max=20)
    await refresher.prepare()
    return loop, watched


async def refreshes_of(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Run to the end; how many events each refresh derived."""
    events: list[int] = []
    monkeypatch.setattr(loop.metrics, "derived", lambda number, _: events.append(number))
    stop = asyncio.Event()
    stop.set()
    await loop.run(stop)
    return [number for number in events if number]


async def test_far_behind_more_is_derived_at_once_and_facts_are_merged_later(
    stage: Stage, backlog: tuple[Loop, MergesWatched], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, watched = backlog
    assert await refreshes_of(loop, monkeypatch) == [60, 40]
    assert await stage.count() == (100, 100)
    assert watched.holds == [(1, True), (50, False)], "held from the first load on, until all is derived"
    await stage.warehouse.command("OPTIMIZE TABLE events FINAL")
    assert await stage.warehouse.rows("SELECT uniqExact(_part) FROM events") == [(1,)]


async def test_only_so_many_inserts_wait_to_be_merged(
    stage: Stage, backlog: tuple[Loop, MergesWatched], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, watched = backlog
    monkeypatch.setattr("consumers.load.HELD_INSERTS_MAX", 12)
    await refreshes_of(loop, monkeypatch)
    assert watched.holds[:2] == [(1, True), (13, False)]
    assert not any(held for _, held in watched.holds[1:]), "not again within one backlog"


async def test_what_is_asked_for_under_backlog_may_change_facts(
    stage: Stage, backlog: tuple[Loop, MergesWatched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mutation is the merges' work: were they held, it would wait for ever."""
    loop, watched = backlog

    async def erase() -> None:
        await stage.warehouse.command("ALTER TABLE events DELETE WHERE event_id = 'e7' SETTINGS mutations_sync = 2")

    asked = asyncio.create_task(loop.between_refreshes(erase))
    await asyncio.sleep(0)
    await refreshes_of(loop, monkeypatch)
    await asked
    assert (await stage.count())[0] == 99
    assert watched.holds[-1][1] is False


async def test_a_consumer_that_is_cut_off_lets_facts_be_merged(
    backlog: tuple[Loop, MergesWatched], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, watched = backlog

    async def dies(cycle: int, ending: Work) -> int:
        if watched.inserts:
            raise WarehouseError(f"at cycle {cycle}")
        return await first(cycle, ending=ending)

    first = loop._refresher.refresh
    monkeypatch.setattr(loop._refresher, "refresh", dies)
    with pytest.raises(WarehouseError):
        await refreshes_of(loop, monkeypatch)
    assert watched.holds[-1][1] is False


async def test_what_is_set_aside_is_tried_again_though_nothing_comes(stage: Stage) -> None:
    faulty = Faulty(stage.warehouse)
    faulty.faults = [Fault(SUBJECT, "30_sessions", "v")]
    loop, refresher = make_loop(stage.log, faulty, load(), Settings())
    faulty.refresher = refresher
    await refresher.prepare()
    await stage.send(page(1))
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))

    async def is_left_out() -> bool:
        return bool(refresher.aside.entries) and await stage.committed() == 1

    async def is_derived() -> bool:
        return await stage.count() == (1, 1)

    await until(is_left_out)
    assert await stage.count() == (1, 0)
    faulty.faults = []
    refresher.aside.hurry()
    await until(is_derived)
    stop.set()
    await running
    told = generate_latest(loop.metrics.registry).decode()
    assert "netiv_consumer_aside 0.0" in told
    assert "netiv_consumer_set_aside_total 1.0" in told
    assert "netiv_consumer_taken_back_total 1.0" in told
