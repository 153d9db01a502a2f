"""Re-derive everything that depends on the dirty subjects, step by step, from one snapshot.

The dirty tables are the journal: filled first, emptied by `clear` after the caller has committed. Every step can be
repeated. Knows SQL files and the warehouse, nothing of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from consumers.enrich.row import EVENT_TYPES
from consumers.identity.macros import OF_REFRESH, standing
from consumers.identity.resolver import Resolver
from consumers.refresh.bounds import (
    BOUND,
    CONVERTED,
    CONVERTED_BY_NOW,
    DIRECTLY,
    KNOWN_REPEATED,
    NOT_DUPLICATE,
    UNBOUND,
    columns_read,
)
from consumers.refresh.kinds import Kind
from consumers.refresh.order import LEFT_OUT, MOST_IS_DONE, STAGE_STEPS, STEPS, Stage, Work, at_once, in_order
from consumers.refresh.replacing import EVENT_DUPLICATES, REPLACED, Derived, block_rows, replace_statement
from consumers.refresh.slices import IS_SUBJECT, WEIGHT_MAX, Cutter, Stretch, Waiting
from consumers.refresh.sql import derivation, expand
from consumers.refresh.working import EMPTIED, KEPT, WORKING, Memory
from consumers.rules.files import Rules
from consumers.rules.macros import macros, parameters
from consumers.rules.stages import NO_STAGE_EVENT
from consumers.warehouse.contract import Warehouse, WarehouseError
from schemas.limits import FUTURE_MAX_S

# Keys that are taken before it is known how many there are: more than any only slice has.
FIRST_KEYS: Final = WEIGHT_MAX
# Sources that are kept from one refresh to the next, at most: two joins read all of them.
SOURCES_MAX: Final = 20_000
# Who has a visit over the longest length goes on, mostly: so many slices later it is looked anew.
LONG_VISITS: Final = 20
THROWN: Final = 395
"""ClickHouse's code of `throwIf`."""
_WRITTEN: Final = {derived.table: derived for derived in REPLACED}
Progress = Callable[[int, int], None]


class Refresher:
    """One refresher with working tables in the database `scratch`; writes derived tables of `derived`."""

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
        self._done = False  # the working tables hold a slice that is derived
        self._sources_known = False  # under the rules in force
        self._left_out: set[str] = set()  # derived tables that this slice has nothing for
        self._repeats = True  # whether any repeated event is known at all
        self._stages = True  # whether events show stages, or did under rules of before
        self._columns: dict[str, list[tuple[str, str]]] = {}
        self._cycle = 1
        self._long_visits = 0  # so many slices are taken to have visits over the longest length
        self._cutter = Cutter(self.rows)
        self._memory = Memory(warehouse, scratch)

    def adopt(self, rules: Rules) -> None:
        """Derive under these rules from the next refresh on. Not to be called during one."""
        self._parameters: Mapping[str, int] = parameters(rules)
        self._macros = {
            **macros(rules), **OF_REFRESH, "scratch": self._scratch, "derived": self._derived,
            "converted_persons": CONVERTED if self.ALONE else CONVERTED_BY_NOW,
        }  # fmt: skip
        self._macros["event_columns"] = ", ".join(columns_read(EVENT_TYPES, self._macros))
        self._sources_known = False

    async def prepare(self) -> None:
        """Make the working tables. What the journal still holds from a crash is part of the next refresh."""
        await self._warehouse.command(expand("CREATE DATABASE IF NOT EXISTS {{scratch}}", self._macros))
        await self._memory.make(self._macros)
        await self.truncate(EMPTIED)
        rows = await self._warehouse.rows(expand("SELECT max(cycle) FROM {{scratch}}.journal", self._macros))
        self._cycle = int(rows[0][0]) + 1
        self._cutter.careful = self._cycle > 1  # what a crash left was perhaps too much at once
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

    async def mark(self, subjects: Collection[tuple[str, str, int]]) -> None:
        """Add (site, subject, since) to the journal: what happened from `since` (epoch ms; 0 = ever) on is to be derived."""
        if subjects:
            columns: dict[str, list[object]] = {
                "cycle": [self._cycle] * len(subjects),
                "site": [site for site, _, _ in subjects],
                "subject": [subject for _, subject, _ in subjects],
                "since": [since for _, _, since in subjects],
            }
            types = {"cycle": "UInt64", "site": "LowCardinality(String)", "subject": "String", "since": "Int64"}
            await self.insert("journal", columns, types)

    async def mark_where(self, condition: str, values: Mapping[str, int] | None = None) -> None:
        """Add the subjects and identifiers of all facts that meet a condition (SQL over the log position) to the journal."""
        statement = (
            f"INSERT INTO {self._macros['scratch']}.journal (cycle, site, subject) "
            f"SELECT {self._cycle}, site, subject FROM (SELECT DISTINCT site, subject FROM events WHERE {condition} "
            f"UNION ALL SELECT site, arrayJoin({self._macros['keys_of_id']}) "
            f"FROM (SELECT DISTINCT site, id_type, id_value FROM identity_links WHERE {condition}))"
        )
        await self._warehouse.command(statement, values)

    def turn(self) -> int:
        """End the present cycle of the journal: what is marked from now on belongs to the next. The cycle to refresh."""
        self._cycle += 1
        return self._cycle - 1

    async def refresh(self, cycle: int, progress: Progress | None = None, ending: Work | None = None) -> int:
        """Re-derive what the journal names up to `cycle`, slice by slice so that memory stays bounded; how many subjects.
        `ending` is called beside the last steps, where there are any."""
        await self._memory.begin()
        await self._empty_done()
        # nearly always one slice is all there is, so it is taken before that is known
        (visitors, others, identifiers), *_ = await asyncio.gather(
            self._waiting(cycle), self._look_at_tables(), self._take(cycle)
        )
        if not visitors + identifiers and not await self._count("dirty_persons"):
            return 0
        slices = await self._cutter.cut(self._waits(cycle), visitors, others)
        for stretch in slices:
            if len(slices) > 1:
                await self._take(cycle, stretch)
            identifiers += await self._repeated(cycle)
        taken = len(slices) == 1 and not identifiers  # nothing has come to the only slice since
        beside: Stage = {}
        if identifiers:
            resolver = Resolver(self, cycle, alone=self.ALONE)
            await resolver.resolve()
            await self._memory.require()
            beside["quarantine"] = resolver.quarantine, ()  # nothing waits for it
            visitors, others, _ = await self._waiting(cycle)
            slices = await self._cutter.cut(self._waits(cycle), visitors, others)
        for number, stretch in enumerate(slices, 1):
            if not taken:
                await self._take(cycle, stretch)
            if ending and number == len(slices):
                beside["ending"] = ending, (MOST_IS_DONE,)
            await self._refresh_slice(beside, taken=taken)
            beside = {}
            await self._memory.require()
            # A crash before here repeats the slice: the journal still names its subjects.
            self._done = True
            if number < len(slices):  # after the last one, all is in its place: emptying can wait
                await self._empty_done()
            if progress:
                progress(number, len(slices))
        self._cutter.careful = False
        return visitors + others

    async def resolve(self, cycle: int) -> int:
        """Bring the owners of identifiers up to date, nothing else; how many were looked at."""
        resolver = Resolver(self, cycle, alone=self.ALONE)
        identifiers = await resolver.resolve()
        await self.take_version()
        await resolver.quarantine()
        return identifiers

    async def derive(self, name: str, bound: Mapping[str, int]) -> None:
        """Run a file of statements, for the resolution of identifiers."""
        await self._derive(name, self._macros, bound)

    async def replace(self, derived: Derived) -> None:
        """Put what was computed into its derived table."""
        macros = {**self._macros, **self._bounds}
        if derived.copied:
            [(copied,)] = await self.rows(derived.copied)
            macros["block_rows"] = str(block_rows(int(copied)))
        selected = self._statements(derived.derived_by, self._macros)[0] if derived.derived_by else ""
        await self._run(expand(replace_statement(derived, self._columns[derived.table], selected), macros))

    async def rows(self, statement: str, bound: Mapping[str, int] | None = None) -> list[tuple[Any, ...]]:
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

    async def mark_persons(self, persons: Collection[tuple[str, str]]) -> None:
        """Add (site, person) keys to those whose conversions and paths the next refresh derives."""
        await self._empty_done()
        columns = {"site": [site for site, _ in persons], "person_id": [person for _, person in persons]}
        await self.insert("dirty_persons", columns, {"site": "LowCardinality(String)", "person_id": "String"})

    async def forget(self) -> None:
        """Empty the working tables: what the last refresh found is not kept."""
        await self.truncate((*EMPTIED, *KEPT))

    async def _waiting(self, cycle: int) -> tuple[int, int, int]:
        """How many keys are in the journal: (visitors, other subjects or what stands for one, identifiers to be resolved or refused)."""
        [(visitors, others, identifiers, since)] = await self._warehouse.rows(
            "SELECT uniqExactIf(site, subject, NOT startsWith(subject, '~') AS plain), uniqExactIf(site, subject, NOT plain "
            f"AND {IS_SUBJECT}), countIf(NOT plain OR {self._macros['visitor_is_blocked']}), max(since) "
            f"FROM {self._macros['scratch']}.journal WHERE cycle <= {cycle}"
        )
        self._some_bounded = self.ALONE and since > 0
        return int(visitors), int(others), int(identifiers)

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

    def _waits(self, cycle: int) -> Waiting:
        return Waiting(cycle, whole=not self.ALONE)

    async def _take(self, cycle: int, stretch: Stretch | None = None) -> None:
        """A slice; without a stretch all, as the only one (should it turn out to be none, so many are enough to be replaced)."""
        condition, bound = (stretch or Stretch()).condition()
        limit = "" if stretch else f" LIMIT {FIRST_KEYS}"
        selected = f"{self._waits(cycle).sql(condition)} ORDER BY site, subject{limit}"
        # the others are empty: each slice leaves them so
        await self.truncate(("dirty_subjects", "event_duplicates"))
        statement = f"INSERT INTO {{{{scratch}}}}.dirty_subjects {selected}"
        await self._warehouse.command(expand(statement, self._macros), bound)

    async def _repeated(self, cycle: int) -> int:
        """Find repeated events before links are read; how many identifiers lost evidence by them."""
        await self.take_version()
        await self._derive("10_event_duplicates", self._macros)
        repeated = await self._count("event_duplicates")
        if not repeated and not self._repeats:
            return 0
        self._repeats = True
        if repeated:
            await self.truncate(("reached",))
            accounted_for = KNOWN_REPEATED if self.ALONE else "0"
            await self._derive("11_identity_repeated", {**self._macros, "accounted_for": accounted_for})
        await self.replace(EVENT_DUPLICATES)
        if not repeated:
            return 0
        self._standing = standing(repeated=True, retracted="identity_retractions" in self._standing["link_stands"])
        found = await self._count("reached")
        if found:
            await self._derive("18_reached_dirty", self._macros, {"cycle": cycle})
        return found

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

    async def clear(self, cycle: int) -> None:
        """Forget the journal up to `cycle`: what it named is derived and committed."""
        await self._empty_done()
        rows = await self._warehouse.rows(
            f"SELECT DISTINCT cycle FROM {self._macros['scratch']}.journal WHERE cycle <= {cycle}"
        )
        for (done,) in rows:
            await self._warehouse.command(f"ALTER TABLE {self._macros['scratch']}.journal DROP PARTITION {done}")

    async def _refresh_slice(self, beside: Stage, *, taken: bool) -> None:
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
        stages = [(kind, self._stage(steps, macros)) for kind, steps in STEPS]
        stages[0][1].update(beside)
        await self._go(stages)

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

    async def _step(self, name: str, macros: Mapping[str, str]) -> None:
        if name in LEFT_OUT:
            needed, derived = LEFT_OUT[name]
            if not await self._count(needed):
                self._left_out.add(derived)
                return
        if name == "30_sessions":
            await self._visits(macros)
        else:
            await self._derive(name, macros)
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

    async def _empty_done(self) -> None:
        """Empty what a slice that is done has left."""
        if self._done:
            await self.truncate((*WORKING, "dirty_persons", "dirty_conversions"))
            self._done = False

    async def _count(self, table: str) -> int:
        rows = await self._warehouse.rows(f"SELECT count() FROM {self._macros['scratch']}.{table}")
        return int(rows[0][0])

    async def _derive(self, name: str, macros: Mapping[str, str], bound: Mapping[str, int] | None = None) -> None:
        for statement in self._statements(name, macros):
            await self._run(statement, bound)

    def _statements(self, name: str, macros: Mapping[str, str]) -> list[str]:
        return derivation(name, {**macros, **self._standing, **self._bounds})

    async def _run(self, statement: str, bound: Mapping[str, int] | None = None) -> None:
        known = {"version": self._version, **self._parameters, **(bound or {})}
        used = {name: value for name, value in known.items() if f"{{{name}:" in statement}
        await self._warehouse.command(statement, used)
