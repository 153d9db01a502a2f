"""The replicated tables of a cluster, made by the real engine in a real ZooKeeper.

The engine has no address for other replicas (only a server reads `interserver_http_port`), so its replicated tables never begin
to work: they are made, copied, exchanged and dropped, in ZooKeeper too, but stay read-only. Rows, ALTER and TRUNCATE are not
shown here. `test_cluster_run.py` has that for tables that are divided and not replicated.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from consumers.rebuild import TABLES
from consumers.refresh.sql import FOLDER
from consumers.warehouse.cluster import SHARDING
from consumers.warehouse.clustered import ClusteredWarehouse
from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.embedded import EmbeddedWarehouse
from consumers.warehouse.engine_files import EngineLimits
from consumers.warehouse.migrations import _RECORDS, read_files
from consumers.warehouse.passing import PassingWarehouse
from tests.keeper.server import Keeper
from tests.warehouse.shards import put

pytestmark = pytest.mark.anyio
TABLE_IS_READ_ONLY = 242


class Replicated(EmbeddedWarehouse):
    """The engine as the only replica of the only shard."""

    def __init__(self, folder: Path, keeper: Keeper) -> None:
        super().__init__(folder, "netiv", EngineLimits())
        put(
            self._config,
            "</clickhouse>",
            f"<zookeeper><node><host>127.0.0.1</host><port>{keeper.port}</port></node></zookeeper>"
            "<macros><shard>one</shard><replica>first</replica></macros><tcp_port>9000</tcp_port><remote_servers><prod><shard>"
            "<replica><host>127.0.0.1</host><port>9000</port></replica></shard></prod></remote_servers>",
        )


class WithoutQueue(PassingWarehouse):
    """Does what a server's queue of DDL does with ON CLUSTER, which the engine has not: one UUID for a table on all servers."""

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        made = re.sub(
            r"^(CREATE TABLE (?:IF NOT EXISTS )?[\w.]+_local) ON CLUSTER 'prod'", rf"\1 UUID '{uuid.uuid4()}'", sql
        )
        await super().command(made.replace(" ON CLUSTER 'prod'", ""), parameters)


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    with Keeper(tmp_path / "keeper") as running:
        yield running


@pytest.fixture
async def warehouse(tmp_path: Path, keeper: Keeper) -> AsyncIterator[ClusteredWarehouse]:
    engine = Replicated(tmp_path, keeper)
    await engine.start()
    try:
        yield ClusteredWarehouse(WithoutQueue(engine), "prod")
    finally:
        for database in (
            "netiv_next",
            "netiv",
        ):  # the engine would wait for ever for such tables to begin before it closes
            await engine.command(f"DROP DATABASE IF EXISTS {database} SYNC")
        await engine.close()


async def replicas(warehouse: ClusteredWarehouse, database: str) -> dict[str, tuple[str, str]]:
    """(engine, path in ZooKeeper) of each replicated table."""
    rows = await warehouse.rows(
        "SELECT table, engine, zookeeper_path, replica_name FROM system.replicas WHERE database = {database:String}",
        {"database": database},
    )
    assert {replica for *_, replica in rows} <= {"first"}
    return {table.removesuffix("_local"): (engine, path) for table, engine, path, _ in rows}


async def test_tables_are_made_copied_exchanged_and_dropped(warehouse: ClusteredWarehouse, keeper: Keeper) -> None:
    before = keeper.nodes()
    creates = [sql for file in read_files(FOLDER / "tables") for sql in file.statements if "CREATE TABLE" in sql]
    for sql in (_RECORDS, *creates):
        await warehouse.command(sql)
    made = await replicas(warehouse, "netiv")
    assert made.keys() == SHARDING.keys()
    assert {engine for engine, _ in made.values()} == {"ReplicatedMergeTree", "ReplicatedReplacingMergeTree"}
    assert all(re.fullmatch(r"/clickhouse/tables/[0-9a-f-]{36}/one", path) for _, path in made.values())
    assert len({path for _, path in made.values()}) == len(made)

    await warehouse.command("CREATE DATABASE netiv_next")
    for table in TABLES:
        await warehouse.command(f"CREATE TABLE netiv_next.{table} AS {table}")
    copied = await replicas(warehouse, "netiv_next")
    assert {table: engine for table, (engine, _) in copied.items()} == {table: made[table][0] for table in TABLES}
    assert not {path for _, path in copied.values()} & {path for _, path in made.values()}

    await warehouse.command(f"EXCHANGE TABLES {', '.join(f'{table} AND netiv_next.{table}' for table in TABLES)}")
    exchanged = await replicas(warehouse, "netiv")
    assert {table: exchanged[table] for table in TABLES} == copied
    held = keeper.nodes()
    await warehouse.command("DROP DATABASE IF EXISTS netiv_next")
    assert await replicas(warehouse, "netiv_next") == {}
    assert before < keeper.nodes() < held
    # what was exchanged can be made again beside: nothing of its path is left
    await warehouse.command("CREATE DATABASE netiv_next")
    await warehouse.command("CREATE TABLE netiv_next.sessions AS sessions")


async def test_a_replicated_table_stays_read_only(warehouse: ClusteredWarehouse) -> None:
    """The day this fails the engine can be a replica, and more can be tested."""
    await warehouse.command(
        "CREATE TABLE IF NOT EXISTS erased\n(\n    a UInt8\n)\nENGINE = ReplacingMergeTree ORDER BY a"
    )
    with pytest.raises(WarehouseError) as told:
        await warehouse.command("INSERT INTO erased_local SETTINGS insert_keeper_max_retries = 0 VALUES (1)")
    assert told.value.code == TABLE_IS_READ_ONLY
