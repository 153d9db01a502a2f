"""Which keys are to be derived: a table that is filled before their facts land and emptied after the commit, cycle by cycle."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from consumers.refresh.slices import IS_SUBJECT
from consumers.warehouse.contract import Warehouse

_TYPES = {"cycle": "UInt64", "site": "LowCardinality(String)", "subject": "String", "since": "Int64"}


class Journal:
    """The journal in the database `scratch`."""

    def __init__(self, warehouse: Warehouse, scratch: str) -> None:
        self._warehouse = warehouse
        self._table = f"{scratch}.journal"
        self._cycle = 1

    async def begin(self) -> bool:
        """Find its present cycle; whether a crash left any before."""
        [(cycle,)] = await self._warehouse.rows(f"SELECT max(cycle) FROM {self._table}")
        self._cycle = int(cycle) + 1
        return self._cycle > 1

    async def mark(self, subjects: Collection[tuple[str, str, int]]) -> None:
        """Add (site, subject, since): what happened from `since` (epoch ms; 0 = ever) on is to be derived."""
        if subjects:
            columns: dict[str, list[object]] = {
                "cycle": [self._cycle] * len(subjects),
                "site": [site for site, _, _ in subjects],
                "subject": [subject for _, subject, _ in subjects],
                "since": [since for _, _, since in subjects],
            }
            await self._warehouse.insert(self._table, columns, _TYPES)

    async def mark_where(self, condition: str, values: Mapping[str, int] | None, keys_of_id: str) -> None:
        """Add the subjects and identifiers of all facts that meet a condition (SQL over the log position)."""
        statement = (
            f"INSERT INTO {self._table} (cycle, site, subject) "
            f"SELECT {self._cycle}, site, subject FROM (SELECT DISTINCT site, subject FROM events WHERE {condition} "
            f"UNION ALL SELECT site, arrayJoin({keys_of_id}) "
            f"FROM (SELECT DISTINCT site, id_type, id_value FROM identity_links WHERE {condition}))"
        )
        await self._warehouse.command(statement, values)

    def turn(self) -> int:
        """End the present cycle: what is marked from now on belongs to the next. The one that ended."""
        self._cycle += 1
        return self._cycle - 1

    async def waiting(self, cycle: int, visitor_is_blocked: str) -> tuple[int, int, int, int]:
        """How many keys there are up to a cycle: visitors, other subjects or what stands for one, identifiers to be resolved or refused;
        and the latest `since`."""
        [(visitors, others, identifiers, since)] = await self._warehouse.rows(
            "SELECT uniqExactIf(site, subject, NOT startsWith(subject, '~') AS plain), uniqExactIf(site, subject, NOT plain "
            f"AND {IS_SUBJECT}), countIf(NOT plain OR {visitor_is_blocked}), max(since) "
            f"FROM {self._table} WHERE cycle <= {cycle}"
        )
        return int(visitors), int(others), int(identifiers), int(since)

    async def clear(self, cycle: int) -> None:
        """Forget all up to `cycle`."""
        rows = await self._warehouse.rows(f"SELECT DISTINCT cycle FROM {self._table} WHERE cycle <= {cycle}")
        for (done,) in rows:
            await self._warehouse.command(f"ALTER TABLE {self._table} DROP PARTITION {done}")
