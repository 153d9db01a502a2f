"""One engine for all worlds of a run, and Hypothesis' profiles: `NETIV_HYPOTHESIS=long` for thousands of examples."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.model.driver import Driver
from tests.model.engine import running

LONG = os.environ.get("NETIV_HYPOTHESIS") == "long"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with running(tmp_path_factory.mktemp("model")) as (runner, pipeline):
        yield Driver(runner, pipeline)
