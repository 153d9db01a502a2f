"""The one place that chooses between a server and the embedded engine."""

from __future__ import annotations

from consumers.warehouse.clustered import ClusteredWarehouse
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.engine_files import limits_of
from consumers.warehouse.server import open_server
from schemas.settings import Settings


async def open_warehouse(settings: Settings) -> Warehouse:
    """`NETIV_CLICKHOUSE` when it is set, else the embedded engine in `<data>/warehouse`. Raises `WarehouseError`."""
    if settings.clickhouse:
        user, password = settings.clickhouse_user, settings.clickhouse_password
        if not settings.cluster:
            return await open_server(settings.clickhouse, settings.database, user, password)
        inner = await open_server(settings.clickhouse, settings.database, user, password, settings.cluster)
        return ClusteredWarehouse(inner, settings.cluster)
    return await open_embedded(settings.data / "warehouse", settings.database, limits_of(settings.engine_memory_mib))
