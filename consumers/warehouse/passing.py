"""A `Warehouse` that passes everything on to another one: the base of those that change some of it on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from consumers.warehouse.block import Block
from consumers.warehouse.contract import Warehouse


class PassingWarehouse:
    """See `contract.Warehouse`."""

    def __init__(self, inner: Warehouse) -> None:
        self._inner = inner

    @property
    def database(self) -> str:
        """The database of this warehouse."""
        return self._inner.database

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """See the contract."""
        await self._inner.insert(table, columns, types)

    async def insert_block(self, table: str, block: Block) -> None:
        """See the contract."""
        await self._inner.insert_block(table, block)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See the contract."""
        await self._inner.command(sql, parameters)

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See the contract."""
        return await self._inner.rows(sql, parameters)

    def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, output_format: str = "JSONEachRow"
    ) -> AsyncIterator[bytes]:
        """See the contract."""
        return self._inner.stream(sql, parameters, output_format)

    def readers_wait(self, patience_s: float) -> AbstractAsyncContextManager[None]:
        """See the contract."""
        return self._inner.readers_wait(patience_s)

    async def hold_merges(self, table: str, *, held: bool) -> None:
        """See the contract."""
        await self._inner.hold_merges(table, held=held)

    async def ping(self) -> bool:
        """See the contract."""
        return await self._inner.ping()

    async def close(self) -> None:
        """See the contract."""
        await self._inner.close()
