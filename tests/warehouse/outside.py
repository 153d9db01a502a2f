"""Queries that come over HTTP, as the engine itself sees them."""

from __future__ import annotations

import asyncio

from consumers.warehouse.contract import Warehouse

RUNNING = "SELECT count() FROM system.processes WHERE query LIKE '/* netiv:%'"


async def running(warehouse: Warehouse, count: int) -> None:
    """Wait until so many run."""
    async with asyncio.timeout(20):
        while await warehouse.rows(RUNNING) != [(count,)]:
            pass
