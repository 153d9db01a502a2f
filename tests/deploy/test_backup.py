"""Backup and restore as docs/operations.md has it, in embedded mode: stop, copy the folder, start on the copy."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from simulation.stack import run

from eventlog.embedded.file import FILE_NAME
from netiv.dev.broker import free_ports
from schemas.sites import Key, Site, Sites, dump, hash_key
from tests.kafka.processes import Process

KEY = "backup_key_000000"
START_S = 120.0


class Stack:
    """`netiv up` on a data folder."""

    def __init__(self, data: Path) -> None:
        self.port, self.clickhouse_port = free_ports(2)
        arguments = [
            "-m", "netiv", "up", "--data", str(data), "--port", str(self.port),
            "--clickhouse-port", str(self.clickhouse_port),
        ]  # fmt: skip
        self.process = Process(arguments, {}, data.with_suffix(".txt")).start()

    def post(self, ids: list[str]) -> None:
        events = [{"type": "page", "event_id": each, "visitor_id": "v1", "url": "https://a.test/"} for each in ids]
        body = json.dumps({"write_key": KEY, "events": events}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/events", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202

    def ready(self) -> bool:
        assert self.process.alive, self.process.tail()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def derived(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/lag", timeout=5) as answer:
            return bool(json.load(answer)["lag_events"] == 0)

    def query(self, sql: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.clickhouse_port}/", sql.encode(), timeout=30) as answer:
            return str(answer.read().decode().strip())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def start() -> Iterator[Callable[[Path], Stack]]:
    stacks: list[Stack] = []

    def begin(data: Path) -> Stack:
        stacks.append(Stack(data))
        wait_until(stacks[-1].ready)
        return stacks[-1]

    yield begin
    for stack in stacks:
        if stack.process.alive:
            stack.process.stop()


def test_a_copy_of_the_folder_is_a_backup(start: Callable[[Path], Stack], tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    site = Site("s", write_keys=[Key(hash_key(KEY))])
    (first / "sites.json").write_bytes(dump(Sites([site])))
    stack = start(first)
    stack.post([f"e{n}" for n in range(50)])
    wait_until(stack.derived)
    sessions = stack.query("SELECT count(), sum(events) FROM v_sessions")
    assert stack.process.stop(130.0) == 0, stack.process.tail()
    shutil.copytree(first, tmp_path / "backup", symlinks=True)
    shutil.rmtree(first)  # the disaster
    shutil.copytree(tmp_path / "backup", tmp_path / "second", symlinks=True)
    stack = start(tmp_path / "second")
    assert stack.query("SELECT count(), sum(events) FROM v_sessions") == sessions
    stack.post([f"e{n}" for n in range(40, 60)])  # clients that retry, and new events
    wait_until(stack.derived)
    assert stack.query("SELECT count(), uniqExact(event_id) FROM v_events") == "60\t60"


def test_a_log_older_than_the_tables_ends_the_consumers_with_a_word(
    start: Callable[[Path], Stack], tmp_path: Path
) -> None:
    """`netiv consumers`, over and over: one that had to end while its front was starting crashed, or hung, instead."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "sites.json").write_bytes(dump(Sites([Site("s", write_keys=[Key(hash_key(KEY))])])))
    stack = start(data)
    stack.post([f"e{n}" for n in range(50)])
    wait_until(stack.derived)
    assert stack.process.stop(130.0) == 0, stack.process.tail()
    with closing(sqlite3.connect(data / "log" / FILE_NAME)) as db, db:
        db.execute("DELETE FROM chunks")
        db.execute("DELETE FROM heads")
    (port,) = free_ports(1)
    for _ in range(4):
        done = run(tmp_path, "consumers", NETIV_CLICKHOUSE_PORT=str(port))
        assert (done.returncode, "'A log older than the tables'" in done.stderr) == (1, True), done.stderr
