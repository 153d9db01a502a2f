"""Where nobody listens, because streams were closed or cannot be written, `netiv up` works all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from simulation.stack import START_S, STOP_S, environment

from netiv import ports
from netiv.http import Client


def wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended"
        client = Client(f"http://127.0.0.1:{port}", timeout_s=5)
        try:
            if client.request("GET", "/readyz").status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            client.close()
    raise AssertionError("never ready")


@pytest.mark.parametrize("streams", ["2>&-", ">/dev/full 2>/dev/full"])
def test_the_stack_runs_and_stops(tmp_path: Path, streams: str) -> None:
    port = ports.choose("127.0.0.1")
    command = f'exec "{sys.executable}" -m netiv up --port {port} --clickhouse-port 0 {streams}'
    process = subprocess.Popen(["sh", "-c", command], cwd=tmp_path, env=environment(tmp_path), stdin=subprocess.DEVNULL)
    try:
        wait_until_ready(process, port)
        # What a process says did not go into the first file that it opened.
        assert (tmp_path / "data" / ".up.lock").read_text() == str(process.pid)
        process.send_signal(signal.SIGTERM)
        # 120: Python could not write what it held for its output.
        assert process.wait(STOP_S) in (0, 120)
    finally:
        process.kill()
        process.wait()
