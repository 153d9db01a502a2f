"""A real stack in a folder of its own: `netiv up` on free ports, and the questions tests ask it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import msgspec

from netiv import lag
from netiv.clickhouse import ClickHouse
from netiv.http import Client

START_S = 120.0
STOP_S = 120.0


class Stack:
    """A running `netiv up`, under these NETIV_ variables too; killed where its `with` ends, if it still runs."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables
        self.errors = folder / "stderr.txt"
        self._stderr = self.errors.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netiv", "up", "--port", "0", "--clickhouse-port", "0", "--json"],
            cwd=folder,
            env=environment(folder, **variables),
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        try:
            self.welcome: dict[str, Any] = self._read_welcome()
        except BaseException:
            self.kill()
            raise
        self.url: str = self.welcome["collector"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _read_welcome(self) -> dict[str, Any]:
        """The JSON that `up` prints when it is ready."""
        assert self.process.stdout is not None
        text = b""
        deadline = time.monotonic() + START_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not text.endswith(b"}\n"):
                assert selector.select(max(deadline - time.monotonic(), 0)), f"not ready: {self.errors.read_text()}"
                piece = os.read(self.process.stdout.fileno(), 65536)
                assert piece, f"stopped while starting: {self.errors.read_text()}"
                text += piece
        return json.loads(text)

    def netiv(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command against this stack."""
        done = run(
            self.folder,
            *arguments,
            NETIV_URL=self.url,
            **(self.variables or {"NETIV_CLICKHOUSE_PORT": self.welcome["clickhouse"].rpartition(":")[2]}),
        )
        assert not check or done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def add_site(self, name: str) -> dict[str, str]:
        """A site with its keys."""
        return json.loads(self.netiv("sites", "add", name, "--json").stdout)

    def warehouse(self) -> ClickHouse:
        """Its tables."""
        user, password = (self.variables.get(f"NETIV_CLICKHOUSE_{name}", "") for name in ("USER", "PASSWORD"))
        return ClickHouse(self.welcome["clickhouse"], self.welcome["database"], user, password)

    def wait_derived(self, timeout_s: float = 240) -> None:
        """Until everything acknowledged by now is derived."""
        client = Client(self.url)
        assert lag.wait(client, timeout_s), f"not derived: {lag.read(client)}\n{self.errors.read_text()[-4000:]}"
        client.close()

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(STOP_S)
        self.close()
        return code

    def kill(self) -> None:
        """End it whatever its state (children die with it)."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        """Let go of its pipes."""
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._stderr.close()


def environment(folder: Path, **extra: str) -> dict[str, str]:
    """The environment of a command in `folder`: none of our own settings leaks in."""
    root = Path(__file__).resolve().parents[2]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NETIV_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([*kept.get("PYTHONPATH", "").split(os.pathsep), str(root)]).lstrip(os.pathsep),
        "NETIV_DATA": str(folder / "data"),
        "COLUMNS": "160",
        **extra,
    }


def run(folder: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run `netiv` in `folder` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "netiv", *arguments],
        cwd=folder,
        env=environment(folder, **extra),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def encode(events: list[dict[str, Any]]) -> bytes:
    """A batch's body."""
    return msgspec.json.encode({"events": events})
