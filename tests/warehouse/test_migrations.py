"""The migration runner: order, memory, refusals, and a crash in the middle."""

from __future__ import annotations

import pytest

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.migrations import migrate, statements

pytestmark = pytest.mark.anyio

FIRST = """-- a comment; with a semicolon
CREATE TABLE IF NOT EXISTS a (n UInt64 COMMENT 'one; two') ENGINE = MergeTree ORDER BY n;

CREATE TABLE IF NOT EXISTS b (n UInt64) ENGINE = MergeTree ORDER BY n;\x20
-- the end
"""
SECOND = "ALTER TABLE a ADD COLUMN IF NOT EXISTS m UInt64;\n"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "tables"
    made.mkdir()
    (made / "0001_first.sql").write_text(FIRST)
    (made / "0002_second.sql").write_text(SECOND)
    return made


def test_statements_end_at_line_ends_only():
    assert [text.split()[-1] for text in statements(FIRST)] == ["n", "n"]
    assert statements("SELECT 1;\r\n\r\n-- x\nSELECT ';'") == ["SELECT 1", "-- x\nSELECT ';'"]
    assert statements("-- nothing;\n\n") == []


async def test_files_are_applied_once_and_in_order(warehouse, folder):
    assert await migrate(warehouse, folder) == ["0001_first.sql", "0002_second.sql"]
    assert await migrate(warehouse, folder) == []
    await warehouse.insert("a", {"n": [1], "m": [2]}, {"n": "UInt64", "m": "UInt64"})
    (folder / "0003_third.sql").write_text("DROP TABLE IF EXISTS b;")
    assert await migrate(warehouse, folder) == ["0003_third.sql"]
    assert await warehouse.rows("SELECT n, m FROM a") == [(1, 2)]
    recorded = await warehouse.rows("SELECT name, length(sha256) FROM schema_migrations ORDER BY name")
    assert recorded == [(f"{name}.sql", 64) for name in ("0001_first", "0002_second", "0003_third")]


async def test_a_history_that_was_changed_is_refused(warehouse, folder):
    await migrate(warehouse, folder)
    (folder / "0002_second.sql").write_text(SECOND + "-- edited")
    with pytest.raises(WarehouseError, match=r"edited after .*0002_second"):
        await migrate(warehouse, folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(WarehouseError, match="newer version"):
        await migrate(warehouse, folder)


async def test_odd_names_and_numbers_are_refused(warehouse, folder):
    (folder / "0002_twice.sql").write_text("SELECT 1;")
    with pytest.raises(WarehouseError, match="one number"):
        await migrate(warehouse, folder)
    (folder / "0002_twice.sql").rename(folder / "third.sql")
    with pytest.raises(WarehouseError, match="NNNN"):
        await migrate(warehouse, folder)
    (folder / "third.sql").rename(folder / "0004_fourth.sql")
    await migrate(warehouse, folder)
    (folder / "0003_late.sql").write_text("SELECT 1;")
    with pytest.raises(WarehouseError, match="before the newest"):
        await migrate(warehouse, folder)


async def test_a_file_that_broke_in_its_middle_is_applied_again(warehouse, folder):
    (folder / "0003_third.sql").write_text(
        "CREATE TABLE IF NOT EXISTS c (n UInt64) ENGINE = MergeTree ORDER BY n;\nSELECT nope;\n"
    )
    with pytest.raises(WarehouseError, match=r"0003_third\.sql, statement 2") as broken:
        await migrate(warehouse, folder)
    assert broken.value.code == 47
    (folder / "0003_third.sql").write_text("CREATE TABLE IF NOT EXISTS c (n UInt64) ENGINE = MergeTree ORDER BY n;\n")
    assert await migrate(warehouse, folder) == ["0003_third.sql"]
