"""`netiv doctor` tells how full the embedded log is, and when it takes nothing more."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from simulation.stack import run

from eventlog.contract import Log, LogFull, Record
from eventlog.embedded import open_embedded_log
from schemas.progress import GROUP

LIMIT = 1024 * 1024


def log_of(folder: Path) -> dict[str, Any]:
    findings = json.loads(run(folder, "doctor", "--json", NETIV_LOG_BYTES_MAX=str(LIMIT)).stdout)
    return next(finding for finding in findings if finding["check"] == "log")


async def fill(log: Log) -> None:
    try:
        while True:
            await log.append([Record(b"v", bytes(range(256)) * 4) for _ in range(20)])
    except LogFull:
        await log.close()


async def commit(log: Log) -> None:
    reader = await log.reader(GROUP)
    await reader.commit(await log.ends())
    await log.close()


def test_a_full_log_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "log"

    async def on_log(work: Any) -> None:
        await work(await open_embedded_log(folder, bytes_max=LIMIT))

    asyncio.run(on_log(fill))
    told = log_of(tmp_path)
    assert (told["state"], told["detail"].partition(",")[0]) == ("fail", "full of events that wait")
    assert "NETIV_LOG_BYTES_MAX" in told["fix"]
    asyncio.run(on_log(commit))
    assert (log_of(tmp_path)["state"], log_of(tmp_path)["fix"]) == ("ok", ""), "all of it may go"
