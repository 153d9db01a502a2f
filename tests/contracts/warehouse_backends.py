"""The warehouses that the contract suite runs on: the embedded engine, and a server (the engine's own HTTP front)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.front import create_front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front
from consumers.warehouse.server import open_server


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Warehouse]:
    warehouse = await open_embedded(folder)
    try:
        yield warehouse
    finally:
        await warehouse.close()


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[Warehouse]:
    engine = await open_embedded(folder)
    try:
        front = create_front(engine, FrontAccess(user="owner", password="secret", writable=True))
        async with serve_front(front, "127.0.0.1", 0) as port:
            warehouse = await open_server(f"http://127.0.0.1:{port}", "netiv", "owner", "secret")
            try:
                yield warehouse
            finally:
                await warehouse.close()
    finally:
        await engine.close()


BACKENDS = {"embedded": embedded, "server": server}
