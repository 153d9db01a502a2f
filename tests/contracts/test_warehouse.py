"""What every `Warehouse` must do, on every backend; and facts of the engine that the writer's rules rest on."""

from __future__ import annotations

import asyncio
import datetime
import json
from decimal import Decimal

import pytest
from contracts.warehouse_backends import BACKENDS

from consumers.warehouse.contract import Warehouse, WarehouseError

pytestmark = pytest.mark.anyio

TYPES = {
    "site": "LowCardinality(String)",
    "n": "UInt64",
    "ts": "DateTime64(3, 'UTC')",
    "sent_at": "Nullable(DateTime64(3, 'UTC'))",
    "cost": "Nullable(Decimal(18, 4))",
    "ids": "Map(LowCardinality(String), String)",
    "tags": "Array(String)",
}
COLUMNS = {
    "site": ["a", "b", "a"],
    "n": [1, 2**64 - 1, 3],
    "ts": [1_700_000_000_123, 0, 5],
    "sent_at": [None, 1_700_000_000_001, None],
    "cost": [Decimal("1.2345"), None, Decimal(-3)],
    "ids": [{"k": "v"}, {}, {"שלום": "עולם"}],
    "tags": [[], ["x", "y'\\"], ["\0"]],
}


@pytest.fixture(params=sorted(BACKENDS))
async def warehouse(request, tmp_path):
    async with BACKENDS[request.param](tmp_path / "warehouse") as opened:
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        await opened.command(f"CREATE TABLE facts ({columns}) ENGINE = MergeTree ORDER BY n")
        yield opened


async def count(warehouse: Warehouse) -> int:
    return (await warehouse.rows("SELECT count() FROM facts"))[0][0]


async def test_what_goes_in_comes_out(warehouse):
    await warehouse.insert("facts", COLUMNS, TYPES)
    rows = await warehouse.rows("SELECT site, n, toUnixTimestamp64Milli(ts), cost, ids, tags FROM facts ORDER BY n")
    expected = [
        (
            COLUMNS["site"][i],
            COLUMNS["n"][i],
            COLUMNS["ts"][i],
            COLUMNS["cost"][i],
            COLUMNS["ids"][i],
            COLUMNS["tags"][i],
        )
        for i in (0, 2, 1)
    ]
    assert rows == expected
    times = await warehouse.rows("SELECT ts, sent_at FROM facts WHERE n = 1")
    assert times == [(datetime.datetime(2023, 11, 14, 22, 13, 20, 123000), None)]  # noqa: DTZ001 - UTC, without saying so


async def test_one_insert_is_one_part_and_the_same_block_twice_is_two(warehouse):
    big = {name: values * 10_000 for name, values in COLUMNS.items()}
    await warehouse.insert("facts", big, TYPES)
    await warehouse.insert("facts", big, TYPES)
    parts = await warehouse.rows("SELECT count(), sum(rows) FROM system.parts WHERE table = 'facts' AND level = 0")
    assert parts == [(2, 60_000)]


async def test_the_same_block_is_not_dropped_where_the_table_has_a_deduplication_window(warehouse):
    await warehouse.command(
        "CREATE TABLE windowed (n UInt64) ENGINE = MergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    for _ in range(2):
        await warehouse.insert("windowed", {"n": [1, 2]}, {"n": "UInt64"})
    assert await warehouse.rows("SELECT count() FROM windowed") == [(4,)]


async def test_a_block_that_does_not_fit_leaves_nothing(warehouse):
    bad = {**COLUMNS, "n": [1, 2, "three"]}
    with pytest.raises(WarehouseError):
        await warehouse.insert("facts", bad, TYPES)
    with pytest.raises(WarehouseError, match="one length"):
        await warehouse.insert("facts", {**COLUMNS, "n": [1]}, TYPES)
    with pytest.raises(WarehouseError) as missing:
        await warehouse.insert("nowhere", COLUMNS, TYPES)
    assert missing.value.code == 60
    assert await count(warehouse) == 0


async def test_an_empty_block_does_nothing(warehouse):
    await warehouse.insert("facts", {name: [] for name in COLUMNS}, TYPES)
    assert await count(warehouse) == 0


async def test_parameters_are_bound_by_the_server(warehouse):
    nasty = "a'b\\c\td\ne`\"{x:String} ; --"
    values = {"s": nasty, "list": [1, 2, 3], "none": None, "names": ["x'", "y\\"]}
    rows = await warehouse.rows(
        "SELECT {s:String}, {list:Array(UInt64)}, {none:Nullable(String)}, {names:Array(String)}", values
    )
    assert rows == [(nasty, [1, 2, 3], None, ["x'", "y\\"])]
    await warehouse.command("INSERT INTO facts (site, n) SELECT {site:String}, {n:UInt64}", {"site": nasty, "n": 7})
    assert await warehouse.rows("SELECT site FROM facts WHERE n = {n:UInt64}", {"n": 7}) == [(nasty,)]


async def test_a_stream_comes_in_several_pieces(warehouse):
    pieces = [piece async for piece in warehouse.stream("SELECT number AS n FROM numbers({n:UInt64})", {"n": 200_000})]
    lines = b"".join(pieces).splitlines()
    assert len(pieces) > 1
    assert [json.loads(line)["n"] for line in (lines[0], lines[-1])] in ([0, 199_999], ["0", "199999"])
    assert len(lines) == 200_000


async def test_a_stream_left_early_blocks_nobody(warehouse):
    for _ in range(6):
        stream = warehouse.stream("SELECT number FROM numbers(100000000)")
        assert await anext(stream)
        await stream.aclose()
    assert await warehouse.ping()


async def test_refusals_carry_the_code(warehouse):
    with pytest.raises(WarehouseError) as syntax:
        await warehouse.command("SELEC 1")
    assert syntax.value.code == 62
    with pytest.raises(WarehouseError) as unknown:
        await warehouse.rows("SELECT nothing FROM facts")
    assert unknown.value.code == 47


async def test_readers_and_writers_run_side_by_side(warehouse):
    async def write(number: int) -> None:
        await warehouse.insert("facts", {"n": list(range(number * 100, number * 100 + 100))}, {"n": "UInt64"})

    async def read() -> None:
        assert (await warehouse.rows("SELECT count() % 100 FROM facts"))[0][0] == 0

    await asyncio.gather(*(write(number) for number in range(10)), *(read() for _ in range(10)))
    assert await warehouse.rows("SELECT count(), uniqExact(n) FROM facts") == [(1000, 1000)]


async def test_while_merges_are_held_inserts_go_on(warehouse):
    await warehouse.hold_merges("facts", held=True)
    for number in range(3):
        await warehouse.insert("facts", {"n": [number]}, {"n": "UInt64"})
    await warehouse.hold_merges("facts", held=False)
    await warehouse.command("OPTIMIZE TABLE facts FINAL")
    parts = (
        "SELECT count(), sum(rows) FROM system.parts WHERE table = 'facts' AND active AND database = currentDatabase()"
    )
    assert await warehouse.rows(parts) == [(1, 3)]


async def test_the_database_is_its_own(warehouse):
    assert warehouse.database == "netiv"
    assert await warehouse.rows("SELECT currentDatabase()") == [("netiv",)]
    assert await warehouse.ping()


async def test_facts_of_the_engine_that_the_writer_relies_on(warehouse):
    names = ["max_insert_block_size", "max_partitions_per_insert_block"]
    rows = await warehouse.rows(
        "SELECT name, value FROM system.settings WHERE name IN {names:Array(String)}", {"names": names}
    )
    assert {name: int(value) for name, value in rows} == {
        "max_insert_block_size": 1_048_449,
        "max_partitions_per_insert_block": 100,
    }
