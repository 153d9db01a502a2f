"""The embedded engine's own promises: one owner, clear refusals, durable, small, never in the event loop's way."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from consumers.warehouse.contract import WarehouseError, WarehouseUnavailable
from consumers.warehouse.embedded import EmbeddedWarehouse, open_embedded
from consumers.warehouse.opening import open_warehouse
from consumers.warehouse.server import open_server
from schemas.settings import Settings

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
WRITER = """
import asyncio, sys
from pathlib import Path
from consumers.warehouse.embedded import open_embedded

async def main():
    warehouse = await open_embedded(Path(sys.argv[1]))
    await warehouse.command("CREATE TABLE IF NOT EXISTS f (n UInt64) ENGINE = MergeTree ORDER BY n "
                            "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1")
    for number in range(1000):
        await warehouse.insert("f", {"n": list(range(number * 100, number * 100 + 100))}, {"n": "UInt64"})
        print(number, flush=True)

asyncio.run(main())
"""


def run(*args: str, **options):
    return subprocess.Popen([sys.executable, "-c", *args], cwd=ROOT, text=True, **options)


LATE = "SELECT number, throwIf(number = 5000) FROM numbers(10000) SETTINGS max_block_size = 1000"


async def test_what_a_failed_query_had_written_is_in_nobodys_result(warehouse):
    for _ in range(5):  # every lane has its turn
        with pytest.raises(WarehouseError, match="throwIf"):
            await warehouse.rows(LATE)
        with pytest.raises(WarehouseError, match="throwIf"):
            await warehouse.raw(LATE, "JSON")
    for _ in range(5):
        assert await warehouse.rows("SELECT 'x' AS y") == [("x",)]
        assert await warehouse.raw("SELECT 'x'") == b"x\n"
        assert [piece async for piece in warehouse.stream("SELECT 'x' AS y")] == [b'{"y":"x"}\n']


@pytest.mark.parametrize("output_format", ["TabSeparated", "JSON", "RowBinaryWithNames", "Parquet", "Native"])
async def test_a_lane_is_clean_after_every_failure(warehouse, output_format):
    lane = await warehouse.open_reader("reader")
    try:
        with pytest.raises(WarehouseError, match="throwIf"):
            await lane.call(lambda: lane.handle.run(LATE, output_format))
        assert [piece async for piece in lane.blocks("SELECT 'x'", "TabSeparated", {})] == [b"x\n"]
        with pytest.raises(WarehouseError, match="throwIf"):
            _ = [piece async for piece in lane.blocks(LATE, output_format, {})]
        assert (await lane.call(lambda: lane.handle.run("SELECT 'x'"))).body == b"x\n"
    finally:
        await lane.close()


async def test_a_second_process_is_told_who_has_the_folder(warehouse, tmp_path):
    code = (
        "import asyncio, sys; from pathlib import Path; from consumers.warehouse.embedded import open_embedded\n"
        "try: asyncio.run(open_embedded(Path(sys.argv[1])))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    process = run(code, str(tmp_path / "warehouse"), stdout=subprocess.PIPE)
    told, _ = await asyncio.to_thread(process.communicate)
    assert told.startswith("WarehouseError")
    assert f"pid {os.getpid()}" in told
    assert "NETIV_CLICKHOUSE" in told
    with pytest.raises(WarehouseError, match="another process"):
        await open_embedded(tmp_path / "warehouse")
    with pytest.raises(WarehouseError, match="One process can open one folder"):
        await open_embedded(tmp_path / "elsewhere")
    assert await warehouse.ping()


async def test_without_the_extra_the_error_names_it():
    code = (
        "import asyncio, sys, tempfile; from pathlib import Path\n"
        "sys.modules['chdb'] = None\n"
        "from consumers.warehouse.embedded import open_embedded\n"
        "try: asyncio.run(open_embedded(Path(tempfile.mkdtemp())))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    process = run(code, stdout=subprocess.PIPE)
    told, _ = await asyncio.to_thread(process.communicate)
    assert "pip install 'netiv[embedded]'" in told


async def test_what_was_acknowledged_survives_kill_9(tmp_path):
    process = run(WRITER, str(tmp_path / "warehouse"), stdout=subprocess.PIPE)
    assert process.stdout
    last = -1
    for _ in range(25):
        last = int((await asyncio.to_thread(process.stdout.readline)).strip())
    process.send_signal(signal.SIGKILL)
    rest, _ = await asyncio.to_thread(process.communicate)
    last = max([last, *(int(line) for line in rest.split())])
    again = await open_embedded(tmp_path / "warehouse")
    try:
        count, distinct, least = (await again.rows("SELECT count(), uniqExact(n), min(n) FROM f"))[0]
        assert count == distinct
        assert count in {(last + 1) * 100, (last + 2) * 100}
        assert least == 0
    finally:
        await again.close()


async def test_nothing_is_merged_while_merges_are_held(warehouse):
    await warehouse.command("CREATE TABLE held (n UInt64) ENGINE = MergeTree ORDER BY n")
    await warehouse.hold_merges("held", held=True)
    for number in range(3):
        await warehouse.insert("held", {"n": [number]}, {"n": "UInt64"})
    with pytest.raises(WarehouseError, match="Cancelled merging"):
        await warehouse.command("OPTIMIZE TABLE held FINAL")
    assert await warehouse.rows("SELECT uniqExact(_part) FROM held") == [(3,)]
    await warehouse.hold_merges("held", held=False)
    await warehouse.command("OPTIMIZE TABLE held FINAL")
    assert await warehouse.rows("SELECT uniqExact(_part) FROM held") == [(1,)]


async def test_a_folder_with_an_odd_name_and_reopening(tmp_path):
    folder = tmp_path / "a b %20 #c=ש <x>"
    for expected in (0, 1):
        opened = await open_embedded(folder, "other")
        await opened.command("CREATE TABLE IF NOT EXISTS t (n UInt64) ENGINE = MergeTree ORDER BY n")
        assert await opened.rows("SELECT count() FROM other.t") == [(expected,)]
        await opened.insert("t", {"n": [1]}, {"n": "UInt64"})
        limit = "SELECT toUInt64(value) FROM system.settings WHERE name = 'max_memory_usage'"
        assert await opened.rows(limit) == [(900 * 1024**2,)], "the engine has read our configuration"
        await opened.close()
        await opened.close()
        assert not await opened.ping()
    for name in ("why?", "a&b"):
        with pytest.raises(WarehouseError, match="question mark or an ampersand"):
            await open_embedded(tmp_path / name)


async def test_the_event_loop_runs_while_the_engine_works(warehouse):
    slow = asyncio.create_task(warehouse.rows("SELECT count() FROM numbers(20000000) WHERE sipHash64(number) = 1"))
    turns = 0
    while not slow.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
    assert len(await slow) == 1


async def test_a_cancelled_call_gives_its_lane_back(warehouse):
    for _ in range(5):
        task = asyncio.create_task(warehouse.rows("SELECT count() FROM numbers(10000000) WHERE sipHash64(number) = 1"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await warehouse.rows("SELECT 1") == [(1,)]


async def test_memory_has_a_ceiling(warehouse):
    with pytest.raises(WarehouseError) as refused:
        await warehouse.rows("SELECT length(groupArray(number)) FROM numbers(1000000000)")
    assert refused.value.code == 241
    assert "NETIV_ENGINE_MEMORY_MIB" in refused.value.hint
    assert await warehouse.ping()


async def test_more_memory_may_be_given(tmp_path):
    asked = "SELECT value FROM system.settings WHERE name = 'max_memory_usage'"
    whole = "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"
    found = {}
    for mib in (1300, 2600):
        opened = await open_warehouse(Settings(data=tmp_path, engine_memory_mib=mib))
        found[mib] = [int((await opened.rows(sql))[0][0]) / 1024**2 for sql in (whole, asked)]
        await opened.close()
    assert found == {1300: [1300, 900], 2600: [2600, 1800]}


async def test_pandas_and_pyarrow_are_not_loaded():
    code = (
        "import asyncio, sys, tempfile; from pathlib import Path\n"
        "from consumers.warehouse.embedded import open_embedded\n"
        "async def main():\n"
        "    warehouse = await open_embedded(Path(tempfile.mkdtemp()))\n"
        "    await warehouse.rows('SELECT 1')\n"
        "    await warehouse.close()\n"
        "asyncio.run(main())\n"
        "print(sorted({'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    process = run(code, stdout=subprocess.PIPE)
    told, _ = await asyncio.to_thread(process.communicate)
    assert told.strip() == "[]"


async def test_settings_choose_the_backend(tmp_path):
    opened = await open_warehouse(Settings(data=tmp_path, database="mine"))
    assert isinstance(opened, EmbeddedWarehouse)
    assert opened.database == "mine"
    await opened.close()


async def test_a_server_that_is_not_there_is_unavailable():
    with pytest.raises(WarehouseUnavailable):
        await open_server("http://127.0.0.1:1")
    with pytest.raises(WarehouseError, match="NETIV_CLICKHOUSE"):
        await open_server("clickhouse://x")


async def test_merging_gathers_no_statistics(warehouse):
    await warehouse.command("CREATE TABLE f (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    for _ in range(2):
        await warehouse.command("INSERT INTO f SELECT number, toString(number) FROM numbers(1000)")
    await warehouse.command("OPTIMIZE TABLE f FINAL")
    parts = await warehouse.rows(
        "SELECT rows FROM system.parts WHERE active AND table = 'f' AND database = currentDatabase()"
    )
    described = await warehouse.rows("SELECT name, statistics FROM system.parts_columns WHERE active AND table = 'f'")
    assert parts == [(2000,)]
    assert described
    assert not any(statistics for _, statistics in described), described


async def test_a_row_that_was_replaced_is_not_found_by_its_old_values(warehouse):
    """What the key tells may leave rows out before rows of a key are compared, nothing else may."""
    await warehouse.command(
        "CREATE TABLE f (k UInt64, v String, version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY k"
    )
    await warehouse.command("SYSTEM STOP MERGES f")
    await warehouse.command("INSERT INTO f SELECT number, 'old', 1 FROM numbers(5000)")
    await warehouse.command("INSERT INTO f SELECT number, 'new', 2 FROM numbers(5000)")
    plan = await warehouse.rows("EXPLAIN actions = 1 SELECT v FROM f FINAL WHERE k IN (1, 2, 3)")
    assert any("Prewhere" in line for (line,) in plan), plan
    assert await warehouse.rows("SELECT k, v FROM f FINAL WHERE k IN (1, 2, 3) ORDER BY k") == [
        (n, "new") for n in (1, 2, 3)
    ]
    assert await warehouse.rows("SELECT count() FROM f FINAL WHERE v = 'old'") == [(0,)]
