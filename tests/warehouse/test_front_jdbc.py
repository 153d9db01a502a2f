"""ClickHouse's own JDBC driver, driven by SQLLine: what BI tools ask of its metadata, and statements, as they send them."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from netiv.dev.jars import jars

pytestmark = pytest.mark.anyio
SCRIPT = """
!tables
!columns canary
!primarykeys canary
!schemas
SELECT n, name, ts, [1, 2] AS list, map('k', toDecimal32(1.5, 2)) AS pairs, CAST(NULL AS Nullable(String)) AS gap FROM canary;
SELECT sum(number), count() FROM numbers(500000) GROUP BY number % 2 ORDER BY 1;
SELECT throwIf(number = 5000) FROM numbers(10000);
SELECT 'afterwards' AS word;
DROP TABLE canary;
SELECT t.name, d.* FROM system.tables t JOIN system.databases d ON t.database = d.name;
"""


@pytest.fixture(scope="session")
def classes() -> str:
    """The driver and its shell, as the pom names them."""
    return f"{jars(Path(__file__).parent)}/*"


async def test_the_jdbc_driver(port, tmp_path, classes):
    script = tmp_path / "script.sql"
    script.write_text(SCRIPT)
    java = shutil.which("java")
    assert java, "Java is not installed: make system"
    # "null" is the password that the driver sends when it has none.
    command = [
        java, "-Dfile.encoding=UTF-8", "-cp", classes, "sqlline.SqlLine", "-u", f"jdbc:clickhouse://127.0.0.1:{port}/netiv", "-n", "default",
        "-p", "null", "--silent=true", "--outputformat=csv", "--force=true", f"--run={script}",
    ]  # fmt: skip
    options = {"capture_output": True, "encoding": "utf-8", "timeout": 60, "cwd": tmp_path}
    done = await asyncio.to_thread(subprocess.run, command, env=os.environ | {"LC_ALL": "C.UTF-8"}, **options)
    rows = list(csv.reader(done.stdout.splitlines(), quotechar="'"))
    assert ["", "netiv", "canary", "TABLE"] in [row[:4] for row in rows], done.stdout + done.stderr
    columns = [(row[3], row[5]) for row in rows if row[1:3] == ["netiv", "canary"] and len(row) > 20]
    assert columns == [("n", "UInt64"), ("name", "String"), ("ts", "DateTime64(3, 'UTC')")]
    assert ["", "netiv", "canary", "n", "1", "PRIMARY"] in rows
    assert ["netiv", ""] in rows
    assert [row[:2] for row in rows if "[1,2]" in row or "[1, 2]" in row] == [["1", "א"], ["2", "b"], ["3", "c"]]
    assert ["62499750000", "250000"] in rows
    assert ["afterwards"] in rows
    assert [row[:3] for row in rows if "Atomic" in row and row[0] == "canary"] == [["canary", "netiv", "Atomic"]]
    assert str(tmp_path) not in done.stdout
    errors = [line[:17] for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert errors == ["Error: Code: 395.", "Error: Code: 497."]
