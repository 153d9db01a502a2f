"""Insert facts so that a crash at any point loses and doubles nothing.

One insert is a contiguous run of log offsets of one log partition into one month of `events`, in order; links, bad
events and costs go first, because they may be repeated while the place in the log is found again from `events` alone.
An insert whose outcome is unknown is read back before anything is sent again.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

import msgspec

from consumers.enrich.facts import Facts, columns, picked
from consumers.enrich.row import (
    BAD_TYPES,
    BLANK,
    COST_TYPES,
    EVENT_TYPES,
    LINK_TYPES,
    MENDED_TYPES,
    Columns,
    Row,
)
from consumers.warehouse.block import Block, pack
from consumers.warehouse.contract import Warehouse, WarehouseUnavailable

T = TypeVar("T")
ROWS_MAX: Final = 50_000
# So many parts of `events` may wait to be merged: reading a person or a slice looks into each.
HELD_INSERTS_MAX: Final = 200
DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Run(msgspec.Struct, frozen=True, array_like=True):
    """One insert: the rows of offsets first … last of one partition, all of one month."""

    generation: int
    partition: int
    first: int
    last: int
    block: Block


class Load(msgspec.Struct, frozen=True, array_like=True):
    """What a batch puts into the tables: encoded blocks (of links and bad events one for each month), and the
    (site, subject) keys it makes dirty, with the time from when on (see `Refresher.mark`)."""

    runs: list[Run]
    links: list[Block]
    bad: list[Block]
    costs: list[Block]
    mended: list[Block]
    dirty: list[tuple[str, str, int]]
    ends: dict[int, int]
    records: int
    traces: tuple[str, ...] = ()

    def beside(self) -> Iterator[tuple[str, Block]]:
        """What goes into other tables than `events`, in the order of inserting."""
        tables = {
            "bad_events": self.bad,
            "ad_costs": self.costs,
            "bad_events_mended": self.mended,
            "identity_links": self.links,
        }
        for table, blocks in tables.items():
            for block in blocks:
                yield table, block


def month_of(ms: int) -> tuple[int, int]:
    """(year, month) in UTC of epoch milliseconds."""
    return _month_of_day(ms // DAY_MS)


@lru_cache(4096)
def _month_of_day(day: int) -> tuple[int, int]:
    """A day that no calendar has counts as the first or last that it has: no record may stop the others."""
    found = date.fromordinal(min(max(day + _EPOCH, 1), date.max.toordinal()))
    return found.year, found.month


def cut(events: Mapping[str, Sequence[Any]]) -> Iterator[tuple[tuple[int, int], Mapping[str, Sequence[Any]]]]:
    """Events cut in log order: one partition (generation, number), one month, at most `ROWS_MAX` rows each."""
    places = list(zip(events["log_gen"], events["log_part"], events["log_off"], strict=True))
    in_order = sorted(places)
    if places != in_order:
        events = picked(events, sorted(range(len(places)), key=places.__getitem__))
    for start, end in _runs(in_order, events["received_at"]):
        for first in range(start, end, ROWS_MAX):
            last = min(first + ROWS_MAX, end)
            whole_run = last - first == len(places)
            piece = events if whole_run else {name: values[first:last] for name, values in events.items()}
            yield in_order[first][:2], piece


def _runs(places: list[tuple[int, int, int]], received: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, behind the last) of each run of one partition and one month; hardly ever more than one."""
    if not places:
        return
    if places[0][:2] == places[-1][:2] and month_of(min(received)) == month_of(max(received)):
        yield 0, len(places)
        return
    end = 0
    for _, run in itertools.groupby(zip(places, received, strict=True), key=lambda one: (one[0][:2], month_of(one[1]))):
        start, end = end, end + sum(1 for _ in run)
        yield start, end


def plan(events: Mapping[str, Sequence[Any]]) -> list[Run]:
    """The inserts of these events into `events`."""
    return [
        Run(*partition, piece["log_off"][0], piece["log_off"][-1], pack(_filled(piece), EVENT_TYPES))
        for partition, piece in cut(events)
    ]


def _filled(block: Mapping[str, Sequence[Any]]) -> Columns:
    """The columns that say anything: what is left out gets the type's default, which is what `BLANK` has."""
    return {
        name: values
        for name, values in block.items()
        if (values.count(None) < len(values) if BLANK[name] is None else any(values)) or name == "log_off"
    }


def by_month(rows: list[Row], types: Mapping[str, str]) -> list[Block]:
    """Blocks of one month each, so that one insert is one part."""
    months: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        months.setdefault(month_of(row["received_at"]), []).append(row)
    return [pack(columns(month, types), types) for month in months.values()]


def whole(rows: list[Row], types: Mapping[str, str]) -> list[Block]:
    """One block, for tables without partitions; none without rows."""
    return [pack(columns(rows, types), types)] if rows else []


def load_of(facts: Facts, ends: dict[int, int], records: int) -> Load:
    """The load of a batch; `ends` are the next offsets to read after it."""
    return Load(
        runs=plan(facts.events),
        links=by_month(facts.links, LINK_TYPES),
        bad=by_month(facts.bad, BAD_TYPES),
        costs=whole(facts.costs, COST_TYPES),
        mended=whole(facts.mended, MENDED_TYPES),
        dirty=[(site, subject, since) for (site, subject), since in facts.dirty.items()],
        ends=ends,
        records=records,
    )


def passing(ends: Mapping[int, int]) -> Load:
    """The load of offsets without records."""
    return load_of(Facts(), dict(ends), 0)


class Fenced(Exception):
    """Another consumer has one of the partitions: find the place in each again."""


class Loader:
    """Puts loads into the warehouse. The only one on its partitions (`consumers/fencing.py` is for several)."""

    def __init__(self, warehouse: Warehouse, wait: Callable[[float], Awaitable[None]]) -> None:
        self._warehouse = warehouse
        self._wait = wait
        self._held_inserts: int | None = None  # since merges are held

    async def hold_merges(self, *, held: bool) -> None:
        """Under backlog facts are merged later: soon there is more to merge at once, and merging costs twice what inserting does.
        Only so many inserts long; nobody may change facts meanwhile."""
        if held != (self._held_inserts is not None):
            self._held_inserts = 0 if held else None
            await self._answered(partial(self._warehouse.hold_merges, "events", held=held))

    async def claim(self, generation: int, partitions: Collection[int]) -> None:
        """Called whenever partitions were assigned, before anything is read of them. Alone, there is nothing to claim."""

    async def insert(self, load: Load) -> None:
        """Insert one load; retries for as long as the warehouse is away, and never doubles a row of `events`."""
        await self._insert_beside(load)
        await self._insert_runs(load)

    async def loaded_until(self, generation: int, partition: int) -> int:
        """1 + the largest offset of a partition that `events` holds; 0 for none."""
        rows = await self._warehouse.rows(
            "SELECT max(log_off) + 1, count() FROM events WHERE log_gen = {gen:UInt32} AND log_part = {part:UInt16}",
            {"gen": generation, "part": partition},
        )
        return int(rows[0][0]) if rows[0][1] else 0

    async def _insert_run(self, run: Run) -> None:
        for delay_s in _delays():
            try:
                await self._put(run)
                break
            except WarehouseUnavailable:
                await self._wait(delay_s)
            if await self._arrived(run):
                break
        if self._held_inserts is not None:
            self._held_inserts += 1
            if self._held_inserts == HELD_INSERTS_MAX:
                await self._answered(partial(self._warehouse.hold_merges, "events", held=False))

    async def _insert_beside(self, load: Load) -> None:
        for table, block in load.beside():
            await self._answered(partial(self._warehouse.insert_block, table, block))

    async def _insert_runs(self, load: Load) -> None:
        for run in load.runs:
            await self._insert_run(run)

    async def _put(self, run: Run) -> None:
        """Raises `WarehouseUnavailable` when nobody knows whether it is in."""
        await self._warehouse.insert_block("events", run.block)

    async def _arrived(self, run: Run) -> bool:
        """After an insert with an unknown outcome. The block is one part: it is in the table whole, or not at all."""
        return await self._answered(lambda: self.loaded_until(run.generation, run.partition)) > run.first

    async def _answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask for as long as the warehouse is away."""
        for delay_s in _delays():
            try:
                return await ask()
            except WarehouseUnavailable:
                await self._wait(delay_s)
        raise AssertionError("the delays never end")


def _delays() -> Iterator[float]:
    """Seconds before one try and the next, for ever."""
    return itertools.chain((0.5, 1.0, 2.0, 4.0), itertools.repeat(5.0))
