"""The real thing: `netiv up` on free ports, and the question what ClickHouse holds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ALIAS = "/n"  # the collector's second path, under names that no list knows


@dataclass(frozen=True)
class Stack:
    """Addresses and keys of a running stack."""

    url: str
    clickhouse: str
    write_key: str

    @property
    def collector(self) -> tuple[str, int]:
        """Host and port of the collector."""
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        body = f"{sql} FORMAT JSONEachRow".encode()
        with urllib.request.urlopen(f"{self.clickhouse}/?database=netiv", body, timeout=60) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]

    def wait_derived(self, timeout_s: float = 180.0) -> None:
        """Until the tables have everything that was acknowledged."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            with urllib.request.urlopen(f"{self.url}/v1/lag", timeout=30) as answer:
                lag = json.load(answer)
            if lag["lag_events"] == 0:
                return
            time.sleep(0.05)  # between two looks, until the deadline
        raise AssertionError(f"not derived within {timeout_s} s: {lag}")

    def holds_once_each(self, taken: Callable[[], dict[str, dict[str, Any]]], timeout_s: float = 120.0) -> None:
        """ClickHouse has exactly the events that were taken, once each, and no other of their visitors. A page may still
        be sending when a test ends: looked at until it holds, or the deadline."""
        until = time.monotonic() + timeout_s
        while True:
            self.wait_derived()
            wanted = sorted((event["event_id"], event["visitor_id"]) for event in taken().values())
            if not wanted:
                return
            visitors = ", ".join(f"'{visitor}'" for visitor in {visitor for _, visitor in wanted})
            rows = self.query(f"SELECT event_id, visitor_id FROM v_events WHERE visitor_id IN ({visitors})")
            found = sorted((row["event_id"], row["visitor_id"]) for row in rows)
            if found == wanted or time.monotonic() > until:
                assert found == wanted
                return
            time.sleep(0.1)  # between two looks, until the deadline


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Stack]:
    """`netiv up` in a folder of its own; stops with the block."""
    command = [
        sys.executable,
        "-m",
        "netiv",
        "up",
        "--data",
        str(folder),
        "--port",
        "0",
        "--clickhouse-port",
        "0",
        "--json",
    ]
    output = folder / "up.log"
    with (
        output.open("wb") as log,
        subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env={**os.environ, "NETIV_ALIAS": ALIAS}
        ) as process,
    ):
        try:
            yield ready_in(output, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)


def ready_in(output: Path, process: subprocess.Popen[bytes], timeout_s: float = 300.0) -> Stack:
    """What `netiv up --json` printed when it was ready."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and process.poll() is None:
        text = output.read_text(encoding="utf-8")
        start, end = text.find("\n{\n"), text.find("\n}")
        if 0 <= start < end:
            told = json.loads(text[start : end + 2])
            return Stack(told["collector"], told["clickhouse"], told["write_key"])
        time.sleep(0.05)  # between two looks, until the deadline
    raise AssertionError(f"netiv up did not start: …{output.read_text(encoding='utf-8')[-500:]}")
