"""The real embedded engine with the real tables and views, once per file."""

import pytest

from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.embedded import open_embedded


@pytest.fixture(scope="module")  # one process holds one engine: nothing may outlive its file
async def engine(tmp_path_factory):
    opened = await open_embedded(tmp_path_factory.mktemp("warehouse"))
    await prepare_tables(opened, load())
    yield opened
    await opened.close()


@pytest.fixture
async def warehouse(engine):
    for table in ("conversion_paths", "open_paths", "ad_costs", "touchpoints", "sessions", "conversions"):
        await engine.command(f"TRUNCATE TABLE {table}")
    return engine
