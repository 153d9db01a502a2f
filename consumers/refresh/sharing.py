"""Several refreshers on the same derived tables: what keeps a slow one from bringing old rows back.

Each takes its version from the server's clock after its own inputs were inserted and before it reads, so the higher
version has seen more. After writing, it notes in `refreshes` which keys it answered for, then buries live rows of
these keys that are older than the newest note. Whoever of two writes or notes last sees the other: no stale row stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from consumers.identity.macros import standing
from consumers.refresh.kinds import CONVERSION, IDENTIFIER, PERSON, SUBJECT, Kind
from consumers.refresh.order import Go, Stage, in_order
from consumers.refresh.refresher import Refresher
from consumers.refresh.replacing import (
    CONVERSION_EVENTS,
    CONVERSION_PATHS,
    CONVERSIONS,
    EVENT_DUPLICATES,
    IDENTITIES,
    IDENTITY_QUARANTINE,
    OPEN_PATHS,
    SESSIONS,
    STAGE_EVENTS,
    TOUCH_SESSIONS,
    TOUCHPOINTS,
    Derived,
    names,
    tombstone,
)
from consumers.refresh.sql import expand

# Of the server's clock; should that go back, later snapshots still get higher versions than those that were noted.
VERSION_SQL: Final = (
    "SELECT greatest(toUInt64(toUnixTimestamp64Micro(now64(6))), (SELECT max(version) FROM {{derived}}.refreshes) + 1)"
)


# In the order of refreshing: what is written with one version, and what it answers for.
STAGES: Final[dict[Kind, tuple[Derived, ...]]] = {
    IDENTIFIER: (IDENTITY_QUARANTINE,),
    SUBJECT: (IDENTITIES, EVENT_DUPLICATES, SESSIONS, TOUCHPOINTS, STAGE_EVENTS, CONVERSION_EVENTS),
    CONVERSION: (CONVERSIONS,),
    PERSON: (TOUCH_SESSIONS, CONVERSION_PATHS, OPEN_PATHS),
}


def note_statement(kind: Kind) -> str:
    """INSERT of the keys that were refreshed; still with {{scratch}} and {{derived}}."""
    return (
        "INSERT INTO {{derived}}.refreshes\n"
        f"SELECT DISTINCT site, '{kind.name}' AS kind, toString({kind.column}) AS key, {{version:UInt64}} AS version\n"
        f"FROM {{{{scratch}}}}.{kind.dirty}"
    )


def sweep_statement(derived: Derived, kind: Kind, columns: Sequence[tuple[str, str]]) -> str:
    """INSERT of tombstones for live rows of the refreshed keys that are older than the newest refresh of their key."""
    key = ", ".join(derived.key)
    buried = tombstone(derived.key, "newest", columns)
    return (
        f"INSERT INTO {{{{derived}}}}.{derived.table} ({names(columns)})\nSELECT {buried}\nFROM\n(\n"
        f"    SELECT {key}, toString({derived.noted or kind.derived_column}) AS noted_by, max(version) AS written\n"
        f"    FROM {{{{derived}}}}.{derived.table}\n"
        f"    WHERE {derived.scope}\n    GROUP BY {key}\n    HAVING argMax(is_deleted, version) = 0\n) AS live\n"
        "INNER JOIN\n(\n"
        "    SELECT site AS noted_site, key AS noted_key, max(version) AS newest\n    FROM {{derived}}.refreshes\n"
        f"    WHERE kind = '{kind.name}' AND (site, key) IN "
        f"(SELECT site, toString({kind.column}) FROM {{{{scratch}}}}.{kind.dirty})\n"
        f"    GROUP BY site, key\n) AS noted ON live.site = noted.noted_site AND live.noted_by = noted.noted_key\n"
        "WHERE written < newest"
    )


class SharedRefresher(Refresher):
    """A refresher beside others. Keys that several refresh at once end as the newest of them found them."""

    ALONE = False

    async def _look_at_tables(self) -> None:
        # Others may find the first repeated event, or take the first link back, while this refresh goes on.
        self._standing = standing(repeated=True, retracted=True)

    async def take_version(self) -> int:
        """By the server's clock, which everybody shares."""
        rows = await self._warehouse.rows(expand(VERSION_SQL, self._macros))
        self._version = max(int(rows[0][0]), self._version + 1)
        return self._version

    async def replace(self, derived: Derived) -> None:
        """Put what was computed into its derived table; what was refused of an identifier may be refused no more."""
        await super().replace(derived)
        if derived is IDENTITY_QUARANTINE:
            await self._wrote(IDENTIFIER)

    async def _go(self, stages: Sequence[tuple[Kind, Stage]]) -> None:
        for kind, works in stages:
            await self._go_stage(kind, works, in_order)

    async def _go_stage(self, kind: Kind, works: Stage, go: Go) -> None:
        if kind is SUBJECT:
            works[EVENT_DUPLICATES.table] = partial(self.replace, EVENT_DUPLICATES), ()
        await super()._go_stage(kind, works, go)
        await self._wrote(kind)

    async def _wrote(self, kind: Kind) -> None:
        """All rows of these keys are written: note it, and bury what is older."""
        await self._run(expand(note_statement(kind), self._macros))
        for derived in STAGES[kind]:
            await self._run(
                expand(sweep_statement(derived, kind, self._columns[derived.table]), {**self._macros, **self._bounds})
            )
