"""Resolve the identifiers that the journal names, and all that hangs on those that change: from the strongest level down.

Each level reads the stronger ones as they stand in the derived table, so they are written first and the version of a
level is taken after that: of two refreshers at once, the later reader has seen both. What a change reaches is in the
journal before the change is written.

Alone on the tables, a few identifiers of several levels are resolved at once, as if none of the stronger ones changed; whatever
hangs on one that did is resolved again after it was written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from consumers.identity.groups import groups_of, larger_than
from consumers.refresh.order import at_once
from consumers.refresh.replacing import IDENTITY_OWNERS, IDENTITY_QUARANTINE, Derived
from consumers.rules.identity import ANCHOR, DEVICE

WORKING: Final = (
    "todo", "degrees", "reached", "changed", "compared", "members", "edges", "groups", "claims", "judged", "identity_owners",
    "identity_quarantine",
)  # fmt: skip
ID_TYPES: Final = {"site": "LowCardinality(String)", "id_type": "String", "id_value": "String"}


class Steps(Protocol):
    """What a resolver needs of a refresher."""

    async def derive(self, name: str, bound: Mapping[str, int]) -> None: ...
    async def replace(self, derived: Derived) -> None: ...
    async def rows(self, statement: str, bound: Mapping[str, int] | None = None) -> list[tuple[Any, ...]]: ...
    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None: ...
    async def truncate(self, tables: Collection[str]) -> None: ...
    async def take_version(self) -> int: ...


# Whether anything that waits has a link within its level at all: seldom, and cheaply told.
_LINKED: Final = (
    "SELECT count() FROM (SELECT 1 FROM identity_links WHERE (site, id_type, id_value) IN "
    "(SELECT site, id_type, id_value FROM {{scratch}}.todo WHERE level IN ({one:UInt8}, {other:UInt8})) "
    "AND {{joins_within_level}} LIMIT 1)"
)
# More than these cost more to resolve twice than a pass for each level costs.
AT_ONCE_MAX: Final = 20_000


class Waits(msgspec.Struct, frozen=True):
    """The levels that have identifiers which wait, from the strongest down, and how many identifiers there are, resolved or not."""

    levels: Sequence[int]
    identifiers: int


class Resolver:
    """One resolution of a cycle of the journal."""

    def __init__(self, steps: Steps, cycle: int, *, alone: bool, linked_max: int) -> None:
        self._steps = steps
        self._cycle = cycle
        self._alone = alone
        self._linked_max = linked_max
        self._round = 1

    async def resolve(self) -> int:
        """Bring `identity_owners` up to date; every subject that this concerns is in the journal then. How many identifiers were
        looked at."""
        await self._steps.truncate(WORKING)
        await self._steps.take_version()
        await self._derive("12_identity_todo")
        await self._weigh()
        done: dict[int, int] = {}
        while (waits := await self._waits(done)).levels:
            await self._steps.take_version()
            if not self._alone:
                # Neighbours counted before this version was taken may be fewer than somebody else has counted since.
                await self._weigh(anew=True)
            newest = self._round
            await self._steps.truncate(("groups",))
            together = await self._may_go_together(waits)
            levels = waits.levels if together else waits.levels[:1]
            since = min(done.get(level, 0) for level in levels)
            if not together and levels[0] in (ANCHOR, DEVICE):
                await self._group(levels[0])
                # of a group all members are looked at together, whenever they were reached
                newest, since = self._round, 0
            await self._resolve_levels(levels, since)
            done.update(dict.fromkeys(levels, newest))
        return waits.identifiers

    async def quarantine(self) -> None:
        """Write what the rules refused of all that was resolved. Nothing else hangs on it."""
        await self._derive("18_judged")
        if int((await self._steps.rows("SELECT count() FROM {{scratch}}.judged WHERE blocked"))[0][0]):
            await self._derive("19_identity_blocked")
        await self._derive("19_identity_quarantine")
        await self._steps.replace(IDENTITY_QUARANTINE)

    async def _derive(self, name: str, **bound: int) -> None:
        await self._steps.derive(name, {"cycle": self._cycle, "round": self._round, **bound})

    async def _waits(self, done: Mapping[int, int]) -> Waits:
        rows = await self._steps.rows(
            "SELECT level, max(round), count() FROM {{scratch}}.todo GROUP BY level ORDER BY level"
        )
        levels = [int(level) for level, newest, _ in rows if newest > done.get(int(level), 0)]
        return Waits(levels, sum(int(count) for _, _, count in rows))

    async def _may_go_together(self, waits: Waits) -> bool:
        few = len(waits.levels) > 1 and waits.identifiers <= AT_ONCE_MAX
        return self._alone and few and not await self._linked(ANCHOR, DEVICE)

    async def _linked(self, one: int, other: int) -> bool:
        """Whether identifiers of these levels may form groups."""
        return bool(int((await self._steps.rows(_LINKED, {"one": one, "other": other}))[0][0]))

    async def _weigh(self, *, anew: bool = False) -> None:
        """Count neighbours of the present round, or of all; whoever begins or ceases to connect concerns all its neighbours."""
        if anew:
            await self._steps.truncate(("degrees",))
        await self._derive("13_identity_degrees", since=0 if anew else self._round)
        while await self._reach():
            await self._derive("13_identity_degrees", since=self._round)

    async def _reach(self) -> bool:
        """Take what was reached into a new round; False when it is nothing."""
        if not int((await self._steps.rows("SELECT count() FROM {{scratch}}.reached"))[0][0]):
            return False
        self._round += 1
        # The journal is for whoever comes after this process, should it die.
        await at_once((self._derive("18_reached_dirty"), self._derive("18_reached_todo")))
        await self._steps.truncate(("reached",))
        return True

    async def _group(self, level: int) -> None:
        """Find the groups of this level's waiting identifiers; members that did not wait do now."""
        if not await self._linked(level, level):
            return
        await self._steps.truncate(("members", "edges"))
        hop = 0
        await self._derive("14_identity_members", level=level, hop=hop)
        while True:
            await self._derive("14_identity_edges", level=level, hop=hop)
            hop += 1
            await self._derive("14_identity_hop", hop=hop)
            found = await self._steps.rows(f"SELECT count() FROM {{{{scratch}}}}.members WHERE hop = {hop}")
            if not int(found[0][0]):
                break
        edges = await self._steps.rows("SELECT site, id_type, id_value, other_type, other_value FROM {{scratch}}.edges")
        if not edges:
            return
        groups = groups_of(((site, f"{a}:{b}", a, b), (site, f"{c}:{d}", c, d)) for site, a, b, c, d in edges)
        wide = larger_than(self._linked_max, groups) if level == DEVICE else set()
        labels = [("", label[1]) if label in wide else (label[1], "") for label in groups.values()]
        await self._steps.insert("groups", {
            "site": [node[0] for node in groups], "id_type": [node[2] for node in groups],
            "id_value": [node[3] for node in groups], "label": [label for label, _ in labels], "wide_label": [wide for _, wide in labels],
        }, {**ID_TYPES, "label": "String", "wide_label": "String"})  # fmt: skip
        await self._derive("14_identity_joined", alone=int(self._alone))
        if await self._reach():
            await self._weigh()

    async def _resolve_levels(self, levels: Sequence[int], since: int) -> None:
        """Those that wait in rounds after `since`, and perhaps some of the levels between."""
        await self._steps.truncate(("claims", "identity_owners", "changed"))
        bound = {"strongest": levels[0], "weakest": levels[-1], "done": since}
        if levels[-1] != ANCHOR:
            await self._derive("15_identity_claims", **bound)
        await self._derive("16_identity_owners", **bound)
        if not self._alone:
            await self._steps.truncate(("compared",))
            await self._derive("17_identity_compared")
        await self._derive("17_identity_changed")
        await self._follow()
        await self._steps.replace(IDENTITY_OWNERS)
        if not self._alone:
            # Whoever wrote between the comparison and now compared with other rows than these: follow up in its place.
            await self._steps.truncate(("changed",))
            await self._derive("17_identity_overtaken")
            await self._follow()

    async def _follow(self) -> None:
        """What hangs on the changed ones is to be resolved too."""
        if not int((await self._steps.rows("SELECT count() FROM {{scratch}}.changed"))[0][0]):
            return
        await at_once((self._derive("17_identity_dirty"), self._reach_what_hangs()))

    async def _reach_what_hangs(self) -> None:
        await self._derive("17_identity_follow")
        if await self._reach():
            await self._weigh()
