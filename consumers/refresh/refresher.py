"""Re-derive everything that depends on the dirty subjects, step by step, from one snapshot.

The dirty tables are the journal: filled first, emptied by `clear` after the caller has committed. Every step can be
repeated. Knows SQL files and the warehouse, nothing of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final

from consumers.identity.macros import standing
from consumers.identity.resolver import Resolver
from consumers.refresh.aside import Aside, Entry
from consumers.refresh.bounds import KNOWN_REPEATED
from consumers.refresh.deriver import Deriver
from consumers.refresh.journal import Journal
from consumers.refresh.kinds import SUBJECT
from consumers.refresh.narrowing import Narrowing, may_be_of_keys
from consumers.refresh.order import MOST_IS_DONE, STEPS, Stage, Work
from consumers.refresh.replacing import EVENT_DUPLICATES
from consumers.refresh.slices import WEIGHT_MAX, Cutter, Stretch, Waiting
from consumers.refresh.sql import expand
from consumers.refresh.working import EMPTIED, KEPT, WORKING, Memory
from consumers.rules.files import Rules
from consumers.warehouse.contract import Warehouse, WarehouseError

# Keys that are taken before it is known how many there are: more than any only slice has.
FIRST_KEYS: Final = WEIGHT_MAX
Progress = Callable[[int, int], None]


class Refresher(Deriver):
    """One refresher, of what the journal names."""

    def __init__(
        self, warehouse: Warehouse, rules: Rules, scratch: str, derived: str, clock_us: Callable[[], int]
    ) -> None:
        self.aside = Aside(warehouse, derived, clock_us)
        super().__init__(warehouse, rules, scratch, derived, clock_us)
        self._done = False  # the working tables hold a slice that is derived
        self._cutter = Cutter(self.rows)
        self._memory = Memory(warehouse, scratch)
        self._journal = Journal(warehouse, scratch)
        self._narrowing = Narrowing(self)

    def adopt(self, rules: Rules) -> None:
        """Derive under these rules from the next refresh on. Not to be called during one."""
        super().adopt(rules)
        self.aside.unread = True  # tables that were derived under them are in use

    async def prepare(self) -> None:
        """Make the working tables. What the journal still holds from a crash is part of the next refresh."""
        await self._warehouse.command(expand("CREATE DATABASE IF NOT EXISTS {{scratch}}", self._macros))
        await self._memory.make(self._macros)
        await self.truncate(EMPTIED)
        self._cutter.careful = await self._journal.begin()  # what a crash left was perhaps too much at once
        await self.aside.begin()
        await self.read_columns()

    async def mark(self, subjects: Collection[tuple[str, str, int]]) -> None:
        """Add (site, subject, since) to the journal: what happened from `since` (epoch ms; 0 = ever) on is to be derived."""
        await self._journal.mark(subjects)

    async def mark_where(self, condition: str, values: Mapping[str, int] | None = None) -> None:
        """Add the subjects and identifiers of all facts that meet a condition (SQL over the log position) to the journal."""
        await self._journal.mark_where(condition, values, self._macros["keys_of_id"])

    def turn(self) -> int:
        """End the present cycle of the journal: what is marked from now on belongs to the next. The cycle to refresh."""
        return self._journal.turn()

    async def refresh(self, cycle: int, progress: Progress | None = None, ending: Work | None = None) -> int:
        """Re-derive what the journal names up to `cycle`, slice by slice so that memory stays bounded; how many subjects.
        `ending` is called beside the last steps, where there are any."""
        await self._memory.begin()
        if self.aside.entries or self.aside.unread:
            await self.aside.read()
        subjects = await self._refresh_journal(cycle, progress, ending)
        for entry in self.aside.due():
            await self._try_again(entry)
        return subjects

    async def _refresh_journal(self, cycle: int, progress: Progress | None, ending: Work | None) -> int:
        await self._empty_done()
        # nearly always one slice is all there is, so it is taken before that is known
        (visitors, others, identifiers), *_ = await asyncio.gather(
            self._waiting(cycle), self._look_at_tables(), self._take(cycle)
        )
        if not visitors + identifiers and not await self._marked():
            return 0
        slices = await self._cutter.cut(self._waits(cycle), visitors, others)
        for stretch in slices:
            if len(slices) > 1:
                await self._take(cycle, stretch)
            found, whole = await self._repeated_of_slice(cycle)
            identifiers += found
        taken = len(slices) == 1 and whole and not identifiers  # nothing has come to the only slice since
        beside: Stage = {}
        if identifiers:
            resolver = self._resolver(cycle)
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

    def _resolver(self, cycle: int) -> Resolver:
        return Resolver(self, cycle, alone=self.ALONE, linked_max=self._linked_max)

    async def resolve(self, cycle: int) -> int:
        """Bring the owners of identifiers up to date, nothing else; how many were looked at."""
        resolver = self._resolver(cycle)
        identifiers = await resolver.resolve()
        await self.take_version()
        await resolver.quarantine()
        return identifiers

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
        *counted, since = await self._journal.waiting(cycle, self._macros["visitor_is_blocked"])
        self._some_bounded = self.ALONE and since > 0
        visitors, others, identifiers = counted
        return visitors, others, identifiers

    async def _marked(self) -> int:
        """How many persons and conversions are to be derived, whatever the journal says."""
        tables = "(SELECT count() FROM {{scratch}}.dirty_persons) + (SELECT count() FROM {{scratch}}.dirty_conversions)"
        return int((await self.rows(f"SELECT {tables}"))[0][0])

    def _waits(self, cycle: int) -> Waiting:
        return Waiting(cycle, whole=not self.ALONE, others=self.aside.subjects_sql())

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

    async def _repeated_of_slice(self, cycle: int) -> tuple[int, bool]:
        """As `_repeated`, but for what is set aside; and whether the slice was looked at as a whole."""
        try:
            return await self._repeated(cycle), True
        except WarehouseError as error:
            if not may_be_of_keys(error):
                raise
        found = 0

        async def attempt(_: bool) -> None:
            nonlocal found
            found += await self._repeated(cycle)

        keys = await self.rows("SELECT site, subject, since FROM {{scratch}}.dirty_subjects ORDER BY ALL")
        await self._narrowing.narrow(SUBJECT, keys, ("event_duplicates",), attempt)
        return found, False

    async def clear(self, cycle: int) -> None:
        """Forget the journal up to `cycle`: what it named is derived and committed."""
        await self._empty_done()
        await self._journal.clear(cycle)

    async def _refresh_slice(self, beside: Stage, *, taken: bool) -> None:
        if not self.aside.beyond_subjects:
            try:
                macros = await self._begin_slice(taken=taken)
                stages = [(kind, self._stage(steps, macros)) for kind, steps in STEPS]
                stages[0][1].update(beside)
                await self._go(stages)
            except WarehouseError as error:
                if not may_be_of_keys(error):
                    raise
                await self.aside.read()  # others may know the key
            else:
                return
        await self._narrowing.slice()
        for work, _ in beside.values():
            await work()

    async def _try_again(self, entry: Entry) -> None:
        """Derive what is set aside; if that works, it is so no more."""
        await self._empty_done()
        derived = await self._narrowing.again(entry)
        await self._memory.require()
        self._done = True
        if not derived:
            return
        if not self.ALONE:
            # Others have left it out, with facts that were not there when it was derived: once more, when nobody does so any more.
            await self._empty_done()
            await self._narrowing.mark(entry)
            await self._journal.mark([(entry.site, entry.key, 0)] if entry.kind == SUBJECT.name else [])
            self.aside.again = True
        await self.aside.take_back(entry)

    async def _empty_done(self) -> None:
        """Empty what a slice that is done has left."""
        if self._done:
            await self.truncate((*WORKING, "dirty_persons", "dirty_conversions"))
            self._done = False
