"""One broker for all tests of this process: `NETIV_TEST_KAFKA`, or one that is started at the first use.

Call `bootstrap` on the main thread: the broker dies with the thread that started it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from netiv.dev.broker import Cluster

VARIABLE = "NETIV_TEST_KAFKA"


@cache
def bootstrap() -> str:
    """Bootstrap servers; also in the environment, for processes of the tests."""
    given = os.environ.get(VARIABLE)
    if given:
        return given
    folder = Path(tempfile.mkdtemp(prefix="netiv-test-kafka-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cluster = Cluster(folder)
    atexit.register(cluster.stop)
    cluster.start()
    os.environ[VARIABLE] = cluster.bootstrap
    return cluster.bootstrap
