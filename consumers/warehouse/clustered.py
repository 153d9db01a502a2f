"""A `Warehouse` whose server is one of a cluster: DDL goes to all of it, the rest through Distributed tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from consumers.warehouse.cluster import Cluster
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.passing import PassingWarehouse


class ClusteredWarehouse(PassingWarehouse):
    """See `contract.Warehouse`. The inner one sends `cluster.SETTINGS` with every statement."""

    def __init__(self, inner: Warehouse, cluster: str) -> None:
        super().__init__(inner)
        self._cluster = Cluster(cluster, inner.database)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """As many statements as it takes on a cluster."""
        for statement in self._cluster.statements(sql):
            await self._inner.command(statement, parameters)

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See the contract, and `Cluster.question`."""
        return await self._inner.rows(self._cluster.question(sql), parameters)

    def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, output_format: str = "JSONEachRow"
    ) -> AsyncIterator[bytes]:
        """See the contract, and `Cluster.question`."""
        return self._inner.stream(self._cluster.question(sql), parameters, output_format)
