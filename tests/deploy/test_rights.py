"""The rights that compose gives to Netiv's ClickHouse user are enough for all it does, and for nothing else."""

from __future__ import annotations

import asyncio
import time
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.fencing import Claimant, FencedLoader
from consumers.rebuild import rebuild
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse import engine_files
from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.embedded import EmbeddedWarehouse, open_embedded

pytestmark = pytest.mark.anyio
USERS = Path(__file__).parents[2] / "deploy" / "compose" / "clickhouse" / "users.xml"
EVERYTHING = "<query>GRANT ALL ON *.* WITH GRANT OPTION</query>"


@pytest.fixture
async def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedWarehouse]:
    """The real engine, whose owner may do what that user may."""
    queries = ET.parse(USERS).findall("users/netiv/grants/query")
    assert EVERYTHING in engine_files._USERS
    granted = "".join(f"<query>{query.text}</query>" for query in queries)
    monkeypatch.setattr(engine_files, "_USERS", engine_files._USERS.replace(EVERYTHING, granted))
    opened = await open_embedded(tmp_path / "warehouse")
    try:
        yield opened
    finally:
        await opened.close()


async def test_they_are_enough(warehouse: EmbeddedWarehouse) -> None:
    rules = load()
    await prepare_tables(warehouse, rules)
    refresher = SharedRefresher(warehouse, rules, "netiv_scratch_a", "netiv", lambda: time.time_ns() // 1_000)
    await refresher.prepare()
    loader = FencedLoader(warehouse, asyncio.sleep, Claimant("a", "netiv_scratch_a"))
    await loader.claim(1, [0, 1])
    assert await loader.loaded_until(1, 0) == 0
    await refresher.mark([("s", "v", 0)])
    await refresher.refresh(refresher.turn())
    await rebuild(warehouse, rules, lambda: time.time_ns() // 1_000)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE DATABASE other",
        "CREATE USER somebody",
        "INSERT INTO FUNCTION file('/tmp/x', 'LineAsString', 'line String') SELECT 'x'",
        "SYSTEM SHUTDOWN",
    ],
)
async def test_they_are_no_more(warehouse: EmbeddedWarehouse, sql: str) -> None:
    with pytest.raises(WarehouseError, match="Not enough privileges"):
        await warehouse.command(sql)
