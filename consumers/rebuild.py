"""Re-derive everything from facts, beside the tables in use, then let both change places.

Readers see the old tables or the new ones. What the stream derives meanwhile is derived into the new tables too: whoever loads
facts marks their keys here as well (`Loop.follow`), and holds still only for the last of them and the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from consumers.refresh.aside import Aside
from consumers.refresh.refresher import Progress, Refresher
from consumers.rules.files import Rules
from consumers.tables import insert_referrers
from consumers.warehouse.contract import Warehouse

TABLES: Final = (
    "event_duplicates", "identity_owners", "identity_quarantine",
    "identities", "sessions", "touchpoints", "stage_events", "conversion_events", "conversions", "person_subjects",
    "touch_sessions", "conversion_paths", "open_paths", "set_aside",
)  # fmt: skip


class Successor:
    """The derived tables as other rules make them, in a database of their own that nobody reads."""

    def __init__(self, warehouse: Warehouse, rules: Rules, beside: str, clock_us: Callable[[], int]) -> None:
        self.rules = rules
        self._warehouse = warehouse
        self._beside = beside
        self._refresher = Refresher(warehouse, rules, f"{beside}_scratch", beside, clock_us)

    @property
    def aside(self) -> Aside:
        """What could not be derived."""
        return self._refresher.aside

    async def begin(self) -> None:
        """Make the tables, empty, and mark all keys there are."""
        await discard(self._warehouse, self._beside)
        await self._warehouse.command(f"CREATE DATABASE {self._beside}")
        for table in (*TABLES, "referrer_hosts"):
            await self._warehouse.command(f"CREATE TABLE {self._beside}.{table} AS {table}")
        await insert_referrers(self._warehouse, self.rules, f"{self._beside}.referrer_hosts")
        await self._refresher.prepare()
        await self._refresher.mark_where("1")

    async def mark(self, subjects: Collection[tuple[str, str, int]]) -> None:
        """Facts of these keys are about to come."""
        await self._refresher.mark(subjects)

    async def mark_where(self, condition: str) -> None:
        """The keys of all facts that meet a condition."""
        await self._refresher.mark_where(condition)

    def turn(self) -> int:
        """What is marked from now on is for another `catch_up`. Not to be called while facts are being loaded whose keys are marked."""
        return self._refresher.turn()

    async def catch_up(self, progress: Progress | None = None, cycle: int | None = None) -> int:
        """Derive all that was marked before the turn `cycle`, or is by now; the number of subjects."""
        if cycle is None:
            cycle = self.turn()
        subjects = await self._refresher.refresh(cycle, progress)
        await self._refresher.clear(cycle)
        return subjects

    async def take_over(self) -> None:
        """Change places with the tables in use, in one statement."""
        pairs = ", ".join(f"{table} AND {self._beside}.{table}" for table in TABLES)
        await self._warehouse.command(f"EXCHANGE TABLES {pairs}")

    async def discard(self) -> None:
        """Drop what was made: also what was in use before."""
        await discard(self._warehouse, self._beside)


async def rebuild(
    warehouse: Warehouse, rules: Rules, clock_us: Callable[[], int], progress: Progress | None = None
) -> int:
    """Rebuild all derived tables; the number of subjects. Nothing else may refresh meanwhile."""
    successor = Successor(warehouse, rules, f"{warehouse.database}_next", clock_us)
    await successor.begin()
    subjects = await successor.catch_up(progress)
    await successor.take_over()
    await successor.discard()
    return subjects


async def derive_beside(
    warehouse: Warehouse, rules: Rules, beside: str, clock_us: Callable[[], int], progress: Progress | None = None
) -> int:
    """Derive everything under these rules into a database of its own, which nobody reads; the number of subjects."""
    successor = Successor(warehouse, rules, beside, clock_us)
    await successor.begin()
    return await successor.catch_up(progress)


async def discard(warehouse: Warehouse, beside: str) -> None:
    """Drop what a successor made."""
    await warehouse.command(f"DROP DATABASE IF EXISTS {beside}")
    await warehouse.command(f"DROP DATABASE IF EXISTS {beside}_scratch")
