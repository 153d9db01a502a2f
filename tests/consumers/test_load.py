"""Cutting facts into inserts, and putting them in: nothing lost, nothing twice, whatever an insert answers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.enrich.facts import Facts, columns
from consumers.enrich.row import BAD_TYPES, BLANK, EVENT_TYPES, Columns, Row
from consumers.load import ROWS_MAX, Loader, cut, load_of, month_of, plan
from consumers.warehouse.block import Block
from consumers.warehouse.contract import Warehouse, WarehouseUnavailable
from schemas.clock import parse_ms

MARCH, APRIL = 1_772_495_400_000, 1_775_100_000_000


def row(offset: int, received_at: int = MARCH, partition: int = 0) -> Row:
    where = {"log_gen": 1, "log_part": partition, "log_off": offset}
    filled = {"site": "s", "subject": "v", "event_id": f"e{offset}", "received_at": received_at, "ts": received_at}
    return {**BLANK, **filled, **where}


def events(rows: list[Row]) -> Columns:
    return columns(rows, EVENT_TYPES)


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        ("1970-01-01T00:00:00.000", (1970, 1)),
        ("1969-12-31T23:59:59.999", (1969, 12)),
        ("2024-02-29T23:59:59.999", (2024, 2)),
        ("2100-02-28T23:59:59.999", (2100, 2)),
        ("2100-03-01T00:00:00.000", (2100, 3)),
        ("2026-12-31T23:59:59.999", (2026, 12)),
        ("0001-01-01T00:00:00.000", (1, 1)),
        ("9999-12-31T23:59:59.999", (9999, 12)),
    ],
)
def test_the_month_of_a_time_is_that_of_utc(moment: str, month: tuple[int, int]) -> None:
    assert month_of(parse_ms(moment)) == month


def test_times_outside_the_calendar_have_a_month_too() -> None:
    assert month_of(-(1 << 63)) == (1, 1)
    assert month_of(1 << 63) == (9999, 12)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from((MARCH, MARCH + 1, APRIL))), max_size=60), st.randoms())
def test_a_run_is_one_partition_one_month_in_order(places: list[tuple[int, int]], chance: Any) -> None:
    offsets = [itertools.count() for _ in range(4)]
    rows = [row(next(offsets[partition]), received, partition) for partition, received in places]
    chance.shuffle(rows)
    pieces = [(partition, _rows(piece)) for partition, piece in cut(events(rows))]
    for partition, piece in pieces:
        assert {(r["log_gen"], r["log_part"]) for r in piece} == {partition}
        assert len({month_of(r["received_at"]) for r in piece}) == 1
        assert [r["log_off"] for r in piece] == list(range(piece[0]["log_off"], piece[-1]["log_off"] + 1))
    found = list(itertools.chain(*(piece for _, piece in pieces)))
    assert found == sorted(rows, key=_place)


def _rows(piece: Columns) -> list[Row]:
    return [dict(zip(piece, values, strict=True)) for values in zip(*piece.values(), strict=True)]


def _place(one: Row) -> tuple[int, int]:
    return one["log_part"], one["log_off"]


def test_a_run_has_at_most_rows_max() -> None:
    runs = plan(events([row(offset) for offset in range(ROWS_MAX + 1)]))
    assert [(run.first, run.last) for run in runs] == [(0, ROWS_MAX - 1), (ROWS_MAX, ROWS_MAX)]


class Shaky:
    """A warehouse whose connection breaks at chosen inserts into `events`: before or after the block is in."""

    def __init__(self, inner: Warehouse, failures: Sequence[str]) -> None:
        self._inner = inner
        self._failures = list(failures)
        self.inserts = 0
        self.away = 0

    async def insert_block(self, table: str, block: Block) -> None:
        self.inserts += 1
        failure = self._failures.pop(0) if self._failures else ""
        if failure == "before":
            raise WarehouseUnavailable("gone before")
        await self._inner.insert_block(table, block)
        if failure == "after":
            raise WarehouseUnavailable("gone after")

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        if self.away:
            self.away -= 1
            raise WarehouseUnavailable("away")
        return await self._inner.rows(sql, parameters)


async def no_wait(_: float) -> None:
    """The tests' clock: waiting costs nothing."""


@pytest.mark.anyio
@pytest.mark.parametrize(
    "failures", [["before"], ["after"], ["before", "after"], ["before", "before", ""], ["", "after", "before"]]
)
async def test_an_unknown_outcome_is_read_back(warehouse, failures: list[str]) -> None:
    shaky = Shaky(warehouse, failures)
    shaky.away = 2
    rows = [row(offset, MARCH if offset < 7 else APRIL) for offset in range(10)]
    await Loader(shaky, no_wait).insert(load_of(Facts(events=events(rows)), {}, 10))
    found = await warehouse.rows("SELECT log_off FROM events ORDER BY log_off")
    assert [offset for (offset,) in found] == list(range(10))


@pytest.mark.anyio
@pytest.mark.parametrize("failures", [["before"], ["after"]])
async def test_bad_events_are_one_row_each_after_a_retry(warehouse, failures: list[str]) -> None:
    empty = {"String": "", "UInt8": 0}
    bad = {name: empty.get(kind.replace("LowCardinality(String)", "String"), 0) for name, kind in BAD_TYPES.items()}
    bad |= {"received_at": MARCH, "sent_at": None, "log_gen": 1, "log_off": 4}
    await Loader(Shaky(warehouse, failures), no_wait).insert(load_of(Facts(bad=[bad]), {}, 1))
    assert await warehouse.rows("SELECT log_off FROM v_bad_events") == [(4,)]


@pytest.mark.anyio
async def test_one_insert_is_one_part(warehouse) -> None:
    await warehouse.command("SYSTEM STOP MERGES events")
    load_ = load_of(Facts(events=events([row(o, MARCH if o < 5 else APRIL, o % 2) for o in range(10)])), {}, 10)
    await Loader(warehouse, no_wait).insert(load_)
    parts = await warehouse.rows(
        "SELECT count() FROM system.parts WHERE table = 'events' AND active AND database = currentDatabase()"
    )
    assert len(load_.runs) == 4
    assert parts == [(4,)]


@pytest.mark.anyio
async def test_the_same_block_twice_is_there_twice(warehouse) -> None:
    """No insert de-duplication: it would silently drop what another retry had named alike."""
    run = plan(events([row(offset) for offset in range(3)]))[0]
    for _ in range(2):
        await warehouse.insert_block("events", run.block)
        # Synchronous: what was inserted is there when the call returns.
    assert await warehouse.rows("SELECT count() FROM events") == [(6,)]


@pytest.mark.anyio
async def test_the_table_says_where_to_go_on(warehouse) -> None:
    loader = Loader(warehouse, no_wait)
    assert await loader.loaded_until(1, 0) == 0
    await loader.insert(load_of(Facts(events=events([row(0), row(1), row(0, partition=1)])), {}, 3))
    assert [await loader.loaded_until(1, partition) for partition in (0, 1, 2)] == [2, 1, 0]
    assert await loader.loaded_until(2, 0) == 0
