"""Derive one slice: the steps of derive/ under the rules in force, and the writing of what they found.

Every step can be repeated. Knows SQL files and the warehouse; which keys wait, and why, others know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from consumers.enrich.row import EVENT_TYPES
from consumers.identity.macros import OF_REFRESH, standing
from consumers.refresh.bounds import (
    BOUND,
    CONVERTED,
    CONVERTED_BY_NOW,
    DIRECTLY,
    NAMED,
    NAMING,
    NOT_DUPLICATE,
    UNBOUND,
    UNNAMED,
    columns_read,
)
from consumers.refresh.kinds import SUBJECT, Kind
from consumers.refresh.order import CAREFUL_STEPS, LEFT_OUT, STAGE_STEPS, Go, Stage, at_once, in_order, in_turn
from consumers.refresh.replacing import REPLACED, Derived, block_rows, replace_statement
from consumers.refresh.sql import derivation, expand
from consumers.refresh.working import KEPT
from consumers.rules.files import Rules
from consumers.rules.macros import macros, parameters
from consumers.rules.stages import NO_STAGE_EVENT
from consumers.warehouse.contract import Warehouse, WarehouseError
from schemas.limits import FUTURE_MAX_S

# Sources that are kept from one refresh to the next, at most: two joins read all of them.
SOURCES_MAX: Final = 20_000
# Who has a visit over the longest length goes on, mostly: so many slices later it is looked anew.
LONG_VISITS: Final = 20
THROWN: Final = 395
"""ClickHouse's code of `throwIf`."""
_WRITTEN: Final = {derived.table: derived for derived in REPLACED}


class Deriver:
    """Working tables in the database `scratch`; writes derived tables of `derived`."""

    ALONE = True

    def __init__(
        self, warehouse: Warehouse, rules: Rules, scratch: str, derived: str, clock_us: Callable[[], int]
    ) -> None:
        self._warehouse = warehouse
        self._clock_us = clock_us
        self._version = 0
        self._scratch, self._derived = scratch, derived
        self.adopt(rules)
        self._standing = standing(repeated=False, retracted=False)
        self._bounds: Mapping[str, str] = UNBOUND
        self._some_bounded = True  # of the subjects in the journal
        self._sources_known = False  # under the rules in force
        self._left_out: set[str] = set()  # derived tables that this slice has nothing for
        self._repeats = True  # whether any repeated event is known at all
        self._stages = True  # whether events show stages, or did under rules of before
        self._columns: dict[str, list[tuple[str, str]]] = {}
        self._named: Mapping[str, str] = UNNAMED
        self._long_visits = 0  # so many slices are taken to have visits over the longest length
        self.at = ""
        """The file of derive/ or the derived table that it is at."""

    def adopt(self, rules: Rules) -> None:
        """Derive under these rules from the next refresh on. Not to be called during one."""
        self._parameters: Mapping[str, int] = parameters(rules)
        self._linked_max = rules.identity.linked_max()
        self._macros = {
            **macros(rules), **OF_REFRESH, "scratch": self._scratch, "derived": self._derived,
            "converted_persons": CONVERTED if self.ALONE else CONVERTED_BY_NOW,
        }  # fmt: skip
        self._macros["event_columns"] = ", ".join(columns_read(EVENT_TYPES, self._macros))
        self._sources_known = False

    async def read_columns(self) -> None:
        """Which columns the derived tables have, and the newest version there is."""
        for derived in REPLACED:
            # Where the clock has gone back since, what is read from now on must count as newer all the same.
            newest = await self._warehouse.rows(
                expand(f"SELECT max(version) FROM {{{{derived}}}}.{derived.table}", self._macros)
            )
            self._version = max(self._version, int(newest[0][0]))
            self._columns[derived.table] = [
                (str(name), str(kind))
                for name, kind in await self._warehouse.rows(
                    "SELECT name, type FROM system.columns WHERE database = {db:String} AND table = {table:String} ORDER BY position",
                    {"db": self._macros["derived"], "table": derived.table},
                )
            ]

    async def derive(self, name: str, bound: Mapping[str, int]) -> None:
        """Run a file of statements, for the resolution of identifiers."""
        await self._derive(name, self._macros, bound)

    async def replace(self, derived: Derived) -> None:
        """Put what was computed into its derived table."""
        self.at = derived.table
        macros = {**self._macros, **self._bounds}
        if derived.copied:
            [(copied,)] = await self.rows(derived.copied)
            macros["block_rows"] = str(block_rows(int(copied)))
        selected = self._statements(derived.derived_by, self._macros)[0] if derived.derived_by else ""
        await self._run(expand(replace_statement(derived, self._columns[derived.table], selected), macros))

    async def rows(self, statement: str, bound: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Ask, with the names of the working tables."""
        return await self._warehouse.rows(expand(statement, self._macros), bound)

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """Fill a working table."""
        await self._warehouse.insert(f"{self._macros['scratch']}.{table}", columns, types)

    async def truncate(self, tables: Collection[str]) -> None:
        """Empty working tables."""
        scratch = self._macros["scratch"]
        await at_once(self._warehouse.command(f"TRUNCATE TABLE {scratch}.{table}") for table in tables)

    async def take_version(self) -> int:
        """What is read from now on counts as of now: the version of what is written next."""
        self._version = max(self._clock_us(), self._version + 1)
        return self._version

    async def stage(self, kind: Kind, *, one_by_one: bool) -> None:
        """Derive and write what this kind answers for, of the keys in its table; one step at a time, or what can be at once. The keys of the
        next kinds that hang on subjects are found with them."""
        # Which persons may have converted is told by conversions that are written: some of them are not concerned here.
        macros = {
            **(await self._begin_slice(taken=False) if kind is SUBJECT else self._macros),
            "converted_persons": CONVERTED_BY_NOW,
        }
        self._left_out.clear()
        await self._go_stage(kind, self._stage(CAREFUL_STEPS[kind], macros), in_turn if one_by_one else in_order)

    async def _look_at_tables(self) -> None:
        """Which conditions links must be held against in this refresh, and whether there can be stage events."""
        [(repeated, retracted, stages)] = await self._warehouse.rows(
            expand(
                "SELECT (SELECT count() FROM {{derived}}.event_duplicates), (SELECT count() FROM identity_retractions), "
                "(SELECT count() FROM {{derived}}.stage_events)",
                self._macros,
            )
        )
        self._standing = standing(repeated=bool(repeated), retracted=bool(retracted))
        self._repeats = bool(repeated)
        self._stages = bool(stages) or self._macros["is_stage_event"] != NO_STAGE_EVENT

    async def _gather(self, macros: Mapping[str, str]) -> str:
        """Find from when on events matter; the table (as SQL) that has them."""
        self._bounds = UNBOUND
        if not self._some_bounded:
            return DIRECTLY
        await self._derive("14_bounds", macros)
        [(subjects, bound, oldest)] = await self.rows(
            "SELECT count(), countIf(bound > 0), minIf(bound, bound > 0) FROM {{scratch}}.bounds"
        )
        if not bound:
            return DIRECTLY
        self._bounds = BOUND
        if bound < subjects / 2:  # most of what there is would be copied
            return DIRECTLY
        await self._derive("16_dirty_events", macros, {"oldest": int(oldest), "ahead_ms": FUTURE_MAX_S * 1000})
        return "{{scratch}}.dirty_events"

    async def _begin_slice(self, *, taken: bool) -> Mapping[str, str]:
        """Take the version of a slice, find which of its events count; the macros of its steps."""
        if not self._sources_known:
            await self.truncate(KEPT)
            self._sources_known = True
        await self.take_version()
        # Alone on the tables, what was found before the links were looked at still holds.
        if not self.ALONE:
            await self.truncate(("event_duplicates",))
            await self._derive("10_event_duplicates", self._macros)
        elif self._repeats and not taken:
            await self._derive("10_known_duplicates", self._macros)
        repeated = self._repeats and await self._count("event_duplicates")
        macros = {**self._macros, "not_duplicate": NOT_DUPLICATE if repeated else "1"}
        macros["dirty_events"] = await self._gather(macros)
        self._left_out.clear()
        return macros

    def _stage(self, steps: Mapping[str, Sequence[str]], macros: Mapping[str, str]) -> Stage:
        works: Stage = {}
        for name, before in steps.items():
            if name in STAGE_STEPS and not self._stages:
                continue
            written = _WRITTEN.get(name)
            works[name] = partial(self._write, written) if written else partial(self._step, name, macros), before
        return works

    async def _go(self, stages: Sequence[tuple[Kind, Stage]]) -> None:
        """Derive and write. Alone on the tables, whatever can be done is done at once."""
        await in_order({name: work for _, works in stages for name, work in works.items()})

    async def _go_stage(self, kind: Kind, works: Stage, go: Go) -> None:
        if kind is not SUBJECT:  # its version was taken before the repeated events were looked for
            await self.take_version()
        await go(works)

    async def _step(self, name: str, macros: Mapping[str, str]) -> None:
        if name in LEFT_OUT:
            needed, derived = LEFT_OUT[name]
            if not await self._count(needed):
                self._left_out.add(derived)
                return
        if name == "30_sessions":
            await self._visits(macros)
        elif name == "40_touchpoints":
            await self._derive(name, {**macros, **self._named})
        else:
            await self._derive(name, macros)
        if name == "35_touches":
            self._named = NAMED if await self._count(NAMING) else UNNAMED
        if name == "38_sources":
            self._sources_known = await self._count("sources") <= SOURCES_MAX

    async def _visits(self, macros: Mapping[str, str]) -> None:
        """Visits as if none were too long; and again where one is."""
        if not self._long_visits:
            try:
                await self._derive("30_sessions", macros)
            except WarehouseError as error:
                if error.code != THROWN:
                    raise
                self._long_visits = LONG_VISITS + 1
                await self.truncate(("visits",))
        if self._long_visits:
            self._long_visits -= 1
            await self._derive("30_sessions", {**macros, "by_length": macros["cut_by_length"]})

    async def _write(self, derived: Derived) -> None:
        if derived.table not in self._left_out:
            await self.replace(derived)

    async def _count(self, table: str) -> int:
        rows = await self.rows(f"SELECT count() FROM {{{{scratch}}}}.{table}")
        return int(rows[0][0])

    async def _derive(self, name: str, macros: Mapping[str, str], bound: Mapping[str, int] | None = None) -> None:
        self.at = name
        for statement in self._statements(name, macros):
            await self._run(statement, bound)

    def _statements(self, name: str, macros: Mapping[str, str]) -> list[str]:
        return derivation(name, {**macros, **self._standing, **self._bounds})

    async def _run(self, statement: str, bound: Mapping[str, int] | None = None) -> None:
        known = {"version": self._version, **self._parameters, **(bound or {})}
        used = {name: value for name, value in known.items() if f"{{{name}:" in statement}
        await self._warehouse.command(statement, used)
