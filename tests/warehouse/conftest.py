"""An embedded warehouse in a temporary folder, and its HTTP front on a free port."""

from __future__ import annotations

import httpx2
import pytest

from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.front import create_front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front


@pytest.fixture
async def warehouse(tmp_path):
    opened = await open_embedded(tmp_path / "warehouse")
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def canary(warehouse):
    await warehouse.command(
        "CREATE TABLE canary (n UInt64, name String, ts DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY n"
    )
    columns = {"n": [1, 2, 3], "name": ["א", "b", "c"], "ts": [0, 1, 1_700_000_000_000]}
    await warehouse.insert("canary", columns, {"n": "UInt64", "name": "String", "ts": "DateTime64(3, 'UTC')"})
    return warehouse


@pytest.fixture
async def port(canary):
    front = create_front(canary, FrontAccess(user="bi", password="geheim"))
    async with serve_front(front, "127.0.0.1", 0) as number:
        yield number


@pytest.fixture
async def http(port):
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
