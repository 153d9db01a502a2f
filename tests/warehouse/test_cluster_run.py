"""Two shards end with the tables that one server has: after streaming, a rebuild under other rules, an unlinking and an erasure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pprint import pformat

import pytest

from consumers.fencing import Claimant, FencedLoader
from consumers.refresh.sharing import SharedRefresher
from consumers.warehouse.cluster import ON_ONE, SHARDING
from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.embedded import open_embedded
from tests.warehouse.histories import Kind, Snapshot, alone, differing, history
from tests.warehouse.shards import open_sharded

SHARED = Kind(
    lambda warehouse: FencedLoader(warehouse, asyncio.sleep, Claimant("a-1", "netiv_scratch_a")),
    SharedRefresher,
    "netiv_scratch_a",
)
ASKING = (
    "SELECT a IN (SELECT a FROM netiv_scratch_a.todo) FROM erased",
    "SELECT a FROM erased WHERE a IN (SELECT a FROM netiv_scratch_a.todo UNION ALL SELECT 1)",
    "SELECT a FROM erased LEFT JOIN (SELECT a FROM netiv_scratch_a.todo) AS t ON t.a = erased.a",
)
STAGES = ("streamed", "answered", "under other rules", "unlinked", "erased")
Histories = tuple[dict[str, Snapshot], dict[str, Snapshot], dict[str, int]]


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Histories]:
    """One server's, two shards', and on how many shards the rows of each table are at the end."""
    folder = tmp_path_factory.mktemp("cluster")
    with asyncio.Runner() as runner:
        yield runner.run(_histories(folder))


async def _histories(folder) -> Histories:
    plain = await open_embedded(folder / "plain")
    try:
        expected = await history(plain, alone())
    finally:
        await plain.close()
    async with open_sharded(folder) as (warehouse, reader):
        found = await history(warehouse, SHARED, reader)
        spread = {
            table: int((await warehouse.rows(f"SELECT uniqExact(_shard_num) FROM {table}"))[0][0]) for table in SHARDING
        }
    return expected, found, spread


@pytest.mark.anyio
async def test_a_shard_that_is_asked_for_a_working_table_says_so(tmp_path) -> None:
    async with open_sharded(tmp_path) as (warehouse, reader):
        for sql in (
            "CREATE TABLE IF NOT EXISTS erased (a UInt8) ENGINE = MergeTree ORDER BY a",
            "INSERT INTO erased VALUES (1)",
            "CREATE DATABASE netiv_scratch_a",
            "CREATE TABLE netiv_scratch_a.todo (a UInt8) ENGINE = Memory",
            "INSERT INTO netiv_scratch_a.todo VALUES (1)",
        ):
            await warehouse.command(sql)
        for sql in ASKING:
            with pytest.raises(WarehouseError, match="A shard does not have todo"):
                await reader.rows(sql)
            assert await warehouse.rows(sql) == [(1,)]


@pytest.mark.parametrize("stage", STAGES)
def test_two_shards_have_what_one_server_has(histories: Histories, stage: str) -> None:
    expected, found, _ = histories
    assert sum(map(len, expected[stage].values())) > 1_000
    if wrong := dict(differing(found[stage], expected[stage])):
        pytest.fail(pformat(wrong, width=160))


def test_the_rows_are_divided(histories: Histories) -> None:
    *_, spread = histories
    assert {table for table, shards in spread.items() if shards == 2} >= {
        "events", "identity_links", "sessions", "touchpoints", "identities", "identity_owners", "conversion_events",
        "conversions", "conversion_paths", "open_paths", "person_subjects",
    }  # fmt: skip
    assert {table for table, shards in spread.items() if shards == 2 and SHARDING[table] == ON_ONE} == set()
