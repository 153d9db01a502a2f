"""One engine for all worlds of a run, and Hypothesis' profiles: `NETIV_HYPOTHESIS=long` for thousands of examples."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from consumers.rules.files import load
from consumers.warehouse.embedded import open_embedded
from tests.model.driver import Driver
from tests.model.engine import Pipeline

LONG = os.environ.get("NETIV_HYPOTHESIS") == "long"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    folder = tmp_path_factory.mktemp("model")
    with asyncio.Runner() as runner:
        warehouse = runner.run(open_embedded(folder / "warehouse"))
        try:
            pipeline = Pipeline(warehouse, load())
            runner.run(pipeline.start())
            yield Driver(runner, pipeline)
        finally:
            runner.run(warehouse.close())
