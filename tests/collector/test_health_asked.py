"""What asks a collector how it is finds the truth: `netiv doctor`, and the images' health checks, below a prefix too."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from collector_server import Running
from simulation.stack import run

from eventlog.clock import epoch_ms
from eventlog.contract import Record
from eventlog.embedded import open_embedded_log

DOCKERFILE = Path(__file__).parents[2] / "deploy" / "docker" / "Dockerfile"


def asked(folder: Path, collector: Running, check: str) -> dict[str, str]:
    """What the doctor finds by one of its checks."""
    url = f"http://127.0.0.1:{collector.port}"
    told = run(folder, "doctor", "--json", NETIV_URL=url, NETIV_CLICKHOUSE_PORT="1")
    return next(finding for finding in json.loads(told.stdout) if finding["check"] == check)


async def fill(folder: Path, ages_s: list[float]) -> None:
    for age_s in ages_s:
        at_ms = int((time.time() - age_s) * 1000)
        log = await open_embedded_log(folder, clock_ms=lambda at_ms=at_ms: at_ms)
        await log.append([Record(b"k", b"v")])
        await log.close()


@pytest.mark.parametrize(("ages_s", "state", "text"), [
    ([], "ok", "0 events wait"), ([3_600.0, 1.0], "warn", r"2 events wait, the oldest for 3,\d\d\d s"), ([1.0], "ok", "1 events wait, the oldest"),
])  # fmt: skip
def test_the_doctor_warns_of_few_events_that_wait_for_long(
    ages_s: list[float], state: str, text: str, start: Callable[..., Running], tmp_path: Path
) -> None:
    asyncio.run(fill(tmp_path / "data0" / "log", ages_s))
    collector = start()
    lag = asked(tmp_path, collector, "lag")
    assert lag["state"] == state
    assert re.match(text, lag["detail"])


@pytest.mark.parametrize(("behind_s", "state", "text"), [(0, "ok", "agrees"), (90, "warn", r"\d\d s off")])
def test_the_doctor_compares_clocks(
    behind_s: int, state: str, text: str, start: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.app.epoch_ms", lambda: epoch_ms() - behind_s * 1000)
    clock = asked(tmp_path, start(), "collector clock")
    assert clock["state"] == state
    assert re.match(text, clock["detail"])


@pytest.mark.parametrize("prefix", ["", "/nv"])
def test_the_images_ask_where_the_collector_answers(prefix: str, start: Callable[..., Running]) -> None:
    checks = [json.loads(found) for found in re.findall(r"CMD (\[.*urlopen.*\])", DOCKERFILE.read_text())]
    assert len(checks) == 2
    collector = start(path_prefix=prefix)
    there = {"NETIV_PORT": str(collector.port), "NETIV_PATH_PREFIX": prefix}
    for command in checks:
        ran = [sys.executable, *command[1:]]
        healthy = subprocess.run(ran, env=os.environ | there, check=False, capture_output=True, text=True)
        # no warehouse answers here, so `readyz` does with 503
        assert (healthy.returncode == 0) == ("healthz" in command[-1]), healthy.stderr
        assert healthy.returncode == 0 or "503" in healthy.stderr
        assert subprocess.run(
            ran, env=os.environ | there | {"NETIV_PATH_PREFIX": "/no"}, check=False, capture_output=True
        ).returncode
