"""`make demo`: the whole stack and the demo journeys with one command. Runs until Ctrl-C, or exits with DEMO_EXIT=1."""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from netiv.http import Client

_READY_S = 120.0
_STOP_S = 120.0


def main() -> int:
    """Start, send, show, stay. Exit code of the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--clickhouse-port", type=int, default=8123)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("NETIV_DATA", "data")))
    options = parser.parse_args()
    netiv = [sys.executable, "-m", "netiv"]
    ports = ["--port", str(options.port), "--clickhouse-port", str(options.clickhouse_port)]
    print("Starting the stack (collector, log, consumers, ClickHouse) …", flush=True)
    up = subprocess.Popen([*netiv, "up", "--data", str(options.data), *ports], start_new_session=True)  # noqa: S603
    code = 1
    try:
        url = f"http://127.0.0.1:{options.port}"
        warehouse = f"http://127.0.0.1:{options.clickhouse_port}"
        if _ready(up, url):
            sending = [*netiv, "demo", "--url", url, "--clickhouse-url", warehouse, "--data", str(options.data)]
            code = subprocess.run(sending, check=False).returncode  # noqa: S603
            _addresses(url, warehouse)
            if os.environ.get("DEMO_EXIT") != "1":
                print("Running until Ctrl-C.", flush=True)
                code = up.wait()
    except KeyboardInterrupt:
        code = 0
    finally:
        _stop(up)
    return code


def _ready(up: subprocess.Popen[bytes], url: str) -> bool:
    client = Client(url)
    deadline = time.monotonic() + _READY_S
    while up.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if client.request("GET", "/readyz").status == 200:
                return True
        time.sleep(0.2)
    return False


def _addresses(url: str, warehouse: str) -> None:
    print(f"""
  Collector    {url}            POST /v1/events, GET /p.gif; documentation at {url}/docs
  ClickHouse   {warehouse}            database netiv, user default, read-only
               curl '{warehouse}/?database=netiv' -d 'SELECT channel, count() FROM v_sessions GROUP BY 1 FORMAT Pretty'
""")


def _stop(up: subprocess.Popen[bytes]) -> None:
    if up.poll() is None:
        up.send_signal(signal.SIGTERM)
        try:
            up.wait(_STOP_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            os.killpg(up.pid, signal.SIGKILL)
            up.wait()


if __name__ == "__main__":
    sys.exit(main())
