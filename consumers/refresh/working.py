"""The working tables of one refresher: which there are, how they are made, and whether what was in them lasted.

Most are in the server's memory. A server that begins anew has them empty and goes on answering: a refresh in the middle would
derive nothing from them, and be done. So a row of its own says whether that memory is still the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from consumers.identity.resolver import WORKING as IDENTITY_WORKING
from consumers.refresh.sql import FOLDER, expand, read
from consumers.warehouse.contract import Warehouse, WarehouseUnavailable
from consumers.warehouse.migrations import statements

WORKING: Final = (
    "dirty_subjects", "bounds", "bound_of", "dirty_events", "event_duplicates", "identities", "visits", "candidates",
    "persons", "touches", "combinations", "sessions", "touchpoints", "stage_events", "reports", "conversion_events",
    "concerned_persons", "concerned_conversions", "chosen", "their_subjects", "lone_touches",
    "touch_sessions", "steps", "pieces", "progress", "open_paths",
)  # fmt: skip
"""Emptied before each slice."""
KEPT: Final = ("sources",)
"""Of the working tables, what one refresh finds and the next ones use."""
EMPTIED: Final = (*WORKING, *IDENTITY_WORKING)


class Memory:
    """Whether the working tables in the database `scratch` still hold what was put into them."""

    def __init__(self, warehouse: Warehouse, scratch: str) -> None:
        self._warehouse = warehouse
        self._scratch = scratch

    async def make(self, macros: Mapping[str, str]) -> None:
        """Make the tables. Nothing is kept in them, so those that another version made are replaced: a table names the version."""
        text = read("scratch.sql")
        shapes = [text, *sorted(path.name for path in (FOLDER / "tables").glob("*.sql"))]
        made = f"made_{blake2b(chr(10).join(shapes).encode(), digest_size=8).hexdigest()}"
        found = await self._warehouse.rows(
            "SELECT 1 FROM system.tables WHERE database = {db:String} AND name = {name:String}",
            {"db": self._scratch, "name": made},
        )
        for table in () if found else (*EMPTIED, *KEPT):
            await self._warehouse.command(f"DROP TABLE IF EXISTS {self._scratch}.{table}")
        for statement in statements(text):
            await self._warehouse.command(expand(statement, macros))
        await self._warehouse.command(
            f"CREATE TABLE IF NOT EXISTS {self._scratch}.{made} (nothing UInt8) ENGINE = Memory"
        )

    async def begin(self) -> None:
        """From now on nothing may be lost."""
        if not await self._lasted():
            await self._warehouse.insert(f"{self._scratch}.present", {"since": [1]}, {"since": "UInt8"})

    async def require(self) -> None:
        """Raises `WarehouseUnavailable` when the server began anew since `begin`: what was derived since is to be derived again."""
        if not await self._lasted():
            raise WarehouseUnavailable("The ClickHouse server began anew in the middle of a refresh")

    async def _lasted(self) -> bool:
        return bool((await self._warehouse.rows(f"SELECT count() FROM {self._scratch}.present"))[0][0])
