"""What all tests share, and Hypothesis' profiles.

`make test` tries the same examples every time, so that it fails for what was changed; `NETIV_HYPOTHESIS=long` looks for new ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest
import structlog
from hypothesis import settings

from tests.simulation.stack import Stack

settings.register_profile("short", derandomize=True, deadline=None)
settings.register_profile("long", derandomize=False, deadline=None)
settings.load_profile("long" if os.environ.get("NETIV_HYPOTHESIS") == "long" else "short")


# Files that take minutes, longest first: with what is short at the end, no process is left with a long one while the others have
# nothing to do.
LONG: Final = (
    "model/test_stream.py", "simulation/test_kill.py", "warehouse/test_cluster_run.py", "identity/test_scenarios.py", "identity/test_laws.py",
    "identity/test_erase.py", "kafka/test_faults.py", "kafka/test_consumers.py", "consumers/test_aside.py", "rules/test_running.py",
    "simulation/test_demo.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first."""

    def place(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(LONG) if item.path.as_posix().endswith(name)), len(LONG))

    items.sort(key=place)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, as everything here does."""
    return "asyncio"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A `netiv up` that the tests of a file share."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(autouse=True)
def _logs_go_where_they_went() -> Iterator[None]:
    """A command that ran in a test's process sent logs to a stream that is closed by the next test."""
    yield
    structlog.reset_defaults()
