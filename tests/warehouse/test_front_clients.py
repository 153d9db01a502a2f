"""Real clients: clickhouse-connect over HTTP, its SQLAlchemy dialect through pandas, and the official Node client."""

from __future__ import annotations

import asyncio
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clickhouse_connect
import pandas
import pytest
import sqlalchemy
from clickhouse_connect.driver.exceptions import DatabaseError

pytestmark = pytest.mark.anyio
NODE = Path(__file__).parents[1] / "clients" / "node"


@pytest.fixture(scope="session")
def node_client():
    """The official client from npm, as the lock file has it."""
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=NODE, check=True, timeout=180)
    return NODE / "query.mjs"


def connect(port: int, **options):
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, database="netiv", **options)


async def test_clickhouse_connect(port):
    def use() -> None:
        client = connect(port)
        result = client.query("SELECT n, name FROM canary ORDER BY n")
        assert (result.column_names, result.result_rows) == (("n", "name"), [(1, "א"), (2, "b"), (3, "c")])
        values = {"l": [1, 2], "s": "it's \\ \t\n"}
        assert client.query("SELECT {l:Array(UInt8)}, {s:String}", values).result_rows == [([1, 2], "it's \\ \t\n")]
        long = "x" * 200_000
        assert client.query("SELECT length({s:String})", {"s": long}).result_rows == [(200_000,)]
        assert client.query_df("SELECT n FROM canary")["n"].sum() == 6
        assert client.query_arrow("SELECT n FROM canary").num_rows == 3
        with client.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
            assert sum(len(block) for block in blocks) == 300_000
        client.command("CREATE TEMPORARY TABLE t AS SELECT 7 AS x")
        assert client.query("SELECT x FROM t").result_rows == [(7,)]
        assert client.query("SELECT n FROM canary", settings={"max_threads": 1}).row_count == 3
        assert client.ping()
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            client.command("DROP TABLE canary")
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            client.insert("canary", [[9]], column_names=["n"], column_type_names=["UInt64"])
        client.close()

    await asyncio.to_thread(use)


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
async def test_clickhouse_connect_with_every_compression(port, compress):
    def use() -> None:
        client = connect(port, compress=compress)
        assert sum(row[0] for row in client.query("SELECT number FROM numbers(100000)").result_rows) == 4_999_950_000
        client.close()

    await asyncio.to_thread(use)


async def test_pandas_through_sqlalchemy(port):
    def use() -> None:
        engine = sqlalchemy.create_engine(f"clickhousedb://127.0.0.1:{port}/netiv")
        with engine.connect() as connection:
            frame = pandas.read_sql("SELECT n, name, ts FROM canary ORDER BY n", connection)
            assert list(frame["n"]) == [1, 2, 3]
            bound = sqlalchemy.text("SELECT count() AS c FROM canary WHERE n > :least")
            assert pandas.read_sql(bound, connection, params={"least": 1})["c"][0] == 2
            inspector = sqlalchemy.inspect(connection)
            assert "canary" in inspector.get_table_names()
            assert [column["name"] for column in inspector.get_columns("canary")] == ["n", "name", "ts"]
        engine.dispose()

    await asyncio.to_thread(use)


async def test_the_node_client(port, node_client):
    done = await asyncio.to_thread(
        subprocess.run,
        ["node", str(node_client), f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "ping": True,
        "rows": [{"n": "1", "name": "א"}, {"n": "2", "name": "b"}],
        "empty": [],
        "streamed": 100_000,
        "gzip": "100000",
        "temporary": [{"x": 5}],
        "refused": "497",
        "syntax": "62",
    }


async def test_twenty_readers_beside_a_writer(port, canary):
    def read(number: int) -> int:
        client = connect(port)
        total = 0
        for _ in range(3):
            total += client.query("SELECT {x:UInt64} + min(n) FROM canary", {"x": number}).result_rows[0][0]
        client.close()
        return total

    async def write() -> None:
        for number in range(10):
            rows = list(range(number * 1000 + 10, number * 1000 + 1010))
            await canary.insert("canary", {"n": rows}, {"n": "UInt64"})

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(20) as threads:
        reads = [loop.run_in_executor(threads, read, number) for number in range(20)]
        totals, _ = await asyncio.gather(asyncio.gather(*reads), write())
    assert totals == [3 * (number + 1) for number in range(20)]
    assert await canary.rows("SELECT count() FROM canary") == [(10_003,)]
