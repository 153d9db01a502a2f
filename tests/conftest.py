"""What all tests share, and Hypothesis' profiles.

`make test` tries the same examples every time, so that it fails for what was changed; `NETIV_HYPOTHESIS=long` looks for new ones.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("short", derandomize=True, deadline=None)
settings.register_profile("long", derandomize=False, deadline=None)
settings.load_profile("long" if os.environ.get("NETIV_HYPOTHESIS") == "long" else "short")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, as everything here does."""
    return "asyncio"
