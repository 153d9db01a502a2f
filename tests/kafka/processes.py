"""Real processes of the product for fault tests: started, killed, started again; none outlives the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from netiv.dev.broker import die_with_parent

ROOT = Path(__file__).parents[2]


class Process:
    """One process that may be started any number of times."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.arguments, self.log = arguments, log
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NETIV_")}
        self.environment = {**kept, "PYTHONPATH": str(ROOT), **environment}
        self.process: subprocess.Popen[bytes] | None = None
        self._begin = 0

    def start(self) -> Self:
        with self.log.open("ab") as output:
            self._begin = output.tell()
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments], env=self.environment, stdout=output, stderr=output,
                cwd=self.log.parent, preexec_fn=die_with_parent,
            )  # fmt: skip
        return self

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM; the exit code. Says what it wrote when it does not end."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop:\n{self.tail()}") from None

    def said(self, text: str) -> bool:
        """Whether it wrote this since its last start."""
        return text.encode() in self.log.read_bytes()[self._begin :]

    def times(self, text: str) -> int:
        """How often it wrote this since its last start."""
        return self.log.read_bytes()[self._begin :].count(text.encode())

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4_000:]
