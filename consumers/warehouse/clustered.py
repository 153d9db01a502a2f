"""A `Warehouse` whose server is one of a cluster: DDL goes to all of it, the rest as it stands, through Distributed tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from consumers.warehouse.block import Block
from consumers.warehouse.cluster import Cluster
from consumers.warehouse.contract import Warehouse


class ClusteredWarehouse:
    """See `contract.Warehouse`. The inner one sends `cluster.SETTINGS` with every statement."""

    def __init__(self, inner: Warehouse, cluster: str) -> None:
        self._inner = inner
        self._cluster = Cluster(cluster, inner.database)

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
        for statement in self._cluster.statements(sql):
            await self._inner.command(statement, parameters)

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See the contract."""
        return await self._inner.rows(self._cluster.question(sql), parameters)

    def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, output_format: str = "JSONEachRow"
    ) -> AsyncIterator[bytes]:
        """See the contract."""
        return self._inner.stream(sql, parameters, output_format)

    def readers_wait(self, patience_s: float) -> AbstractAsyncContextManager[None]:
        """See the contract."""
        return self._inner.readers_wait(patience_s)

    async def ping(self) -> bool:
        """Whether the server answers."""
        return await self._inner.ping()

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()
