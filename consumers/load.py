"""Insert facts so that a crash at any point loses and doubles nothing.

One insert is a contiguous run of log offsets of one log partition into one month of `events`, in order; links and bad
events go first, because they may be repeated while the place in the log is found again from `events` alone.
An insert whose outcome is unknown is read back before anything is sent again.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from consumers.enrich.facts import Facts, columns
from consumers.enrich.row import BAD_TYPES, EVENT_TYPES, LINK_TYPES, Row
from consumers.identity.erased import Erased
from consumers.warehouse.contract import Warehouse, WarehouseUnavailable

ROWS_MAX: Final = 50_000

Columns = Mapping[str, Sequence[Any]]


class Run(msgspec.Struct, frozen=True):
    """One insert: the rows of offsets first … last of one partition, all of one month."""

    generation: int
    partition: int
    first: int
    last: int
    columns: Columns


class Load(msgspec.Struct, frozen=True):
    """What a batch puts into the tables. Built in a worker thread, so it holds columns, not rows."""

    runs: list[Run]
    links: Columns
    bad: Columns
    dirty: frozenset[tuple[str, str]]
    ends: Mapping[int, int]
    records: int


def month_of(ms: int) -> tuple[int, int]:
    """(year, month) in UTC of epoch milliseconds, by the civil-from-days arithmetic of any proleptic calendar."""
    days = ms // 86_400_000 + 719_468
    era = days // 146_097
    day_of_era = days - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    month = month + 3 if month < 10 else month - 9
    return year_of_era + era * 400 + (month <= 2), month


def plan(rows: list[Row]) -> list[Run]:
    """Cut rows in log order into runs: one partition, one month, at most `ROWS_MAX` rows each."""

    def place(row: Row) -> tuple[int, int, tuple[int, int]]:
        return row["log_gen"], row["log_part"], month_of(row["received_at"])

    runs = []
    ordered = sorted(rows, key=lambda row: (row["log_gen"], row["log_part"], row["log_off"]))
    for (generation, partition, _), group in itertools.groupby(ordered, key=place):
        run = list(group)
        for start in range(0, len(run), ROWS_MAX):
            part = run[start : start + ROWS_MAX]
            runs.append(Run(generation, partition, part[0]["log_off"], part[-1]["log_off"], columns(part, EVENT_TYPES)))
    return runs


def load_of(facts: Facts, ends: Mapping[int, int], records: int) -> Load:
    """The load of a batch; `ends` are the next offsets to read after it."""
    return Load(
        runs=plan(facts.events),
        links=columns(facts.links, LINK_TYPES),
        bad=columns(facts.bad, BAD_TYPES),
        dirty=frozenset(facts.dirty),
        ends=ends,
        records=records,
    )


class Loader:
    """Puts loads into the warehouse."""

    def __init__(self, warehouse: Warehouse, wait: Callable[[float], Awaitable[None]]) -> None:
        self._warehouse = warehouse
        self._wait = wait
        self._erased = Erased(warehouse)

    async def without_erased(self, load: Load) -> Load:
        """The load without events that were erased before and come again."""
        return await self._erased.without(load)

    async def insert(self, load: Load) -> None:
        """Insert one load; retries for as long as the warehouse is away, and never doubles a row of `events`."""
        for month in _by_month(load.bad):
            await self._until_reached("bad_events", month, BAD_TYPES)
        for month in _by_month(load.links):
            await self._until_reached("identity_links", month, LINK_TYPES)
        for run in load.runs:
            await self._insert_run(run)

    async def loaded_until(self, generation: int, partition: int) -> int:
        """1 + the largest offset of a partition that `events` holds; 0 for none."""
        rows = await self._warehouse.rows(
            "SELECT max(log_off) + 1, count() FROM events WHERE log_gen = {gen:UInt32} AND log_part = {part:UInt16}",
            {"gen": generation, "part": partition},
        )
        return int(rows[0][0]) if rows[0][1] else 0

    async def _insert_run(self, run: Run) -> None:
        delay_s = 0.5
        while True:
            try:
                return await self._warehouse.insert("events", run.columns, EVENT_TYPES)
            except WarehouseUnavailable:
                await self._wait(delay_s)
                delay_s = min(delay_s * 2, 5.0)
            # The block is one part: it is in the table whole, or not at all.
            if await self._read_back(run) > run.first:
                return None

    async def _read_back(self, run: Run) -> int:
        while True:
            try:
                return await self.loaded_until(run.generation, run.partition)
            except WarehouseUnavailable:
                await self._wait(2.0)

    async def _until_reached(self, table: str, block: Columns, types: Mapping[str, str]) -> None:
        delay_s = 0.5
        while True:
            try:
                return await self._warehouse.insert(table, block, types)
            except WarehouseUnavailable:
                await self._wait(delay_s)
                delay_s = min(delay_s * 2, 5.0)


def _by_month(block: Columns) -> list[Columns]:
    """Blocks of one month each, so that one insert is one part."""
    months: dict[tuple[int, int], list[int]] = {}
    for index, received_at in enumerate(block["received_at"]):
        months.setdefault(month_of(received_at), []).append(index)
    return [{name: [values[i] for i in indexes] for name, values in block.items()} for indexes in months.values()]
