"""An engine with the tables in place, for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.embedded import EmbeddedWarehouse, open_embedded


@pytest.fixture
async def warehouse(tmp_path: Path) -> AsyncIterator[EmbeddedWarehouse]:
    opened = await open_embedded(tmp_path / "warehouse")
    try:
        await prepare_tables(opened, load())
        yield opened
    finally:
        await opened.close()
