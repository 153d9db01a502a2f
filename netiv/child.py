"""One supervised process in a process group of its own, started again with growing pauses when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping

import msgspec

from netiv.lifeline import Lifeline

_PAUSE_FIRST_S = 0.5
_PAUSE_MAX_S = 30.0
_HEALTHY_S = 60.0  # who lived so long starts over with short pauses


class Role(msgspec.Struct, frozen=True):
    """What to run, and how long it may take to stop."""

    name: str
    environment: dict[str, str]
    drain_s: float


class Child:
    """A process of a role."""

    def __init__(self, role: Role, lifeline: Lifeline) -> None:
        self.role = role
        self.restart_at: float | None = None
        self._lifeline = lifeline
        self._pause_s = _PAUSE_FIRST_S
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id (0 = not running)."""
        return self._process.pid if self._process else 0

    def start(self, now: float) -> None:
        """Start the process."""
        environment: Mapping[str, str] = {**self.role.environment, **self._lifeline.environment()}
        self._process = subprocess.Popen(  # noqa: S603 — our own module, our own interpreter
            [sys.executable, "-m", "netiv", self.role.name],
            env=environment,
            pass_fds=(self._lifeline.child_end,),
            process_group=0,  # Ctrl-C of the terminal reaches the supervisor alone, which decides the order
            stdin=subprocess.DEVNULL,
            stdout=2,  # a child's talk is no data of ours
        )
        self._started_at = now
        self.restart_at = None

    def died(self) -> int | None:
        """The exit code when the process has ended (negative: by that signal); what it left behind is killed."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._signal(signal.SIGKILL)
            self._process = None
        return code

    def schedule(self, now: float) -> float:
        """Plan the next start; the pause until then."""
        if now - self._started_at > _HEALTHY_S:
            self._pause_s = _PAUSE_FIRST_S
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, _PAUSE_MAX_S)
        self.restart_at = now + pause_s
        return pause_s

    def terminate(self) -> None:
        """Ask it to drain and stop."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and all it started, at once."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def ending(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"
