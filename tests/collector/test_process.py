"""The collector as a process: kill -9 under load, a clean end on a signal, several workers, a port in use."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_server import WRITE, Running, read_all, wait_until, write_sites

from netiv.ports import choose
from schemas.settings import Settings

RUN = (
    "import sys; from pathlib import Path; from collector.server import serve; from schemas.settings import Settings;"
    "sys.exit(serve(Settings(data=Path(sys.argv[1]), port=int(sys.argv[2]), workers=int(sys.argv[3]))))"
)
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def process(data: Path, port: int, workers: int = 1) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", "-c", RUN, str(data), str(port), str(workers)]
    running = subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate(timeout=20)


def alive(port: int) -> bool:
    try:
        return Running(port, Settings()).get("/healthz").status == 200
    except (OSError, http.client.HTTPException):
        return False


class Sender(threading.Thread):
    """Sends events without ever repeating one, and notes which were acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__()
        self.port, self.prefix = port, name
        self.acknowledged: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            for count in range(1_000_000):
                ids = [f"{self.prefix}-{count}-{place}" for place in range(1 + count % 3)]
                events = [{"type": "page", "visitor_id": self.prefix, "event_id": one} for one in ids]
                connection.request(
                    "POST", "/v1/events", json.dumps({"events": events}), {"Authorization": f"Bearer {WRITE}"}
                )
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 202, body
                self.acknowledged.extend(ids)


def test_kill_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    write_sites(Settings(data=tmp_path))
    port = choose("127.0.0.1")
    acknowledged: list[str] = []
    for kill in range(10):
        with process(tmp_path, port) as running:
            wait_until(lambda: alive(port))
            senders = [Sender(port, f"k{kill}s{number}") for number in range(4)]
            for sender in senders:
                sender.start()
            wait_until(lambda: sum(len(sender.acknowledged) for sender in senders) > 30 + 37 * kill)  # noqa: B023
            running.send_signal(signal.SIGKILL)
            for sender in senders:
                sender.join(20)
                assert not sender.is_alive()
                acknowledged.extend(sender.acknowledged)
    stored = Counter(record.event_id for record in asyncio.run(read_all(tmp_path / "log")))
    assert [one for one in acknowledged if stored[one] != 1] == []
    assert max(stored.values()) == 1
    assert len(stored) <= len(acknowledged) + 10 * 4 * 3, "at most one request of each sender is in doubt"


@pytest.mark.parametrize("its", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_ends_cleanly(tmp_path: Path, its: signal.Signals, workers: int) -> None:
    write_sites(Settings(data=tmp_path))
    port = choose("127.0.0.1")
    with process(tmp_path, port, workers) as running:
        wait_until(lambda: alive(port) or running.poll() is not None, 30)
        sender = Sender(port, "s")
        sender.start()
        wait_until(lambda: len(sender.acknowledged) > 50)
        os.kill(running.pid, its)
        _, errors = running.communicate(timeout=20)
        sender.join(20)
        assert running.returncode == 0, errors
        assert "Traceback" not in errors
    stored = {record.event_id for record in asyncio.run(read_all(tmp_path / "log"))}
    assert set(sender.acknowledged) <= stored


def test_workers_count_together(tmp_path: Path) -> None:
    write_sites(Settings(data=tmp_path))
    port = choose("127.0.0.1")
    with process(tmp_path, port, workers=2) as running:
        wait_until(lambda: alive(port), 30)
        collector = Running(port, Settings(data=tmp_path))
        for number in range(40):
            assert collector.post({"type": "page", "visitor_id": str(number)}).status == 202
        wait_until(lambda: b'netiv_events_accepted_total{dialect="native"} 40.0' in collector.get("/metrics").body)
        assert collector.get("/v1/lag").json["acknowledged"] == 40
        assert running.poll() is None


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    write_sites(Settings(data=tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with process(tmp_path, taken.getsockname()[1]) as running:
            _, errors = running.communicate(timeout=20)
            assert running.returncode == 1
            assert "NETIV_PORT" in errors
            assert "Traceback" not in errors
