"""The `Warehouse` contract. A ClickHouse server (HTTP) and the embedded engine (chDB) stand behind it;
`tests/contracts/test_warehouse.py` runs on each. Blocks go in column-wise; derivations are SQL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:  # the block knows the errors below
    from consumers.warehouse.block import Block


# ClickHouse's numbers of errors.
UNKNOWN_TABLE: Final = 60
UNKNOWN_DATABASE: Final = 81
MEMORY: Final = 241
HINTS: Final = {
    MEMORY: "The work needs more memory. Embedded engine: raise NETIV_ENGINE_MEMORY_MIB; a server: its max_memory_usage.",
    243: "The disk is full: free some space. What was acknowledged is in the log.",
}
"""What to do about an error, by its number."""


class WarehouseError(Exception):
    """The engine refused; `code` is ClickHouse's error number (0 = unknown)."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code

    @property
    def hint(self) -> str:
        """How to mend it, where that is known."""
        return HINTS.get(self.code, "")


class WarehouseUnavailable(WarehouseError):
    """The engine can't be reached, or the outcome is unknown: read back before sending again."""


class Warehouse(Protocol):
    """One ClickHouse database."""

    @property
    def database(self) -> str: ...

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """Insert one block, column-wise, all or nothing (one block, one part). `types` are ClickHouse type names; for
        `DateTime64` columns the values are integers (ticks), for `Decimal` columns `decimal.Decimal` or None.
        Synchronous, without insert de-duplication. Raises `WarehouseError` / `WarehouseUnavailable`."""
        ...

    async def insert_block(self, table: str, block: Block) -> None:
        """Insert a block that is encoded already; else as `insert`."""
        ...

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns nothing (DDL, INSERT … SELECT). Server-side `{name:Type}` parameters."""
        ...

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        ...

    def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, output_format: str = "JSONEachRow"
    ) -> AsyncIterator[bytes]:
        """The bytes of a result in a ClickHouse format, as they come."""
        ...

    def readers_wait(self, patience_s: float) -> AbstractAsyncContextManager[None]:
        """Readers from outside begin no query while this is open; those that run are given `patience_s` to end. A server
        can't make its readers wait: there this does nothing."""
        ...

    async def hold_merges(self, table: str, *, held: bool) -> None:
        """Merge no parts of a table (merges under way are given up), nor change rows that stand; or do again. Forgotten when this
        process ends. A server's tables are merged by the server, for others too: there this does nothing."""
        ...

    async def ping(self) -> bool: ...

    async def close(self) -> None: ...
