"""The SQL of the marketing dashboard runs on the real engine and finds the columns it names."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import open_embedded

pytestmark = pytest.mark.anyio

BOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana" / "marketing.json").read_text())
QUERIES = {panel["title"]: panel["targets"][0]["rawSql"] for panel in BOARD["panels"]}


@pytest.fixture(scope="module")
async def warehouse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Warehouse]:
    opened = await open_embedded(tmp_path_factory.mktemp("boards") / "warehouse")
    await prepare_tables(opened, load())
    yield opened
    await opened.close()


def expanded(sql: str) -> str:
    """As Grafana's ClickHouse source fills in the time range and the chosen sites."""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", r"(\1 >= toDateTime(1700000000) AND \1 <= toDateTime(1800000000))", sql)
    return sql.replace("${site:singlequote}", "'shop','blog'")


@pytest.mark.parametrize("title", sorted(QUERIES))
async def test_a_panel_can_be_drawn(warehouse: Warehouse, title: str) -> None:
    sql = expanded(QUERIES[title])
    assert "$" not in sql
    await warehouse.rows(sql)


async def test_the_site_variable_can_be_filled(warehouse: Warehouse) -> None:
    await warehouse.rows(BOARD["templating"]["list"][0]["query"])
