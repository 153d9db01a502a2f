"""Keeps the processes of `netiv up` alive: start, wait until ready, restart what dies, drain in order at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from netiv.child import Child, Role, ending
from netiv.errors import CommandError
from netiv.lifeline import Lifeline
from netiv.signals import Signals

_TICK_S = 0.2
_START_S = 90.0


class Supervisor:
    """The processes of `roles`, drained in their order."""

    def __init__(self, roles: Sequence[Role], say: Callable[[str], None]) -> None:
        self._lifeline = Lifeline()
        self._children = [Child(role, self._lifeline) for role in roles]
        self._say = say

    def run(self, ready: Callable[[], bool], on_ready: Callable[[], None]) -> int:
        """Run until asked to stop; 0 when everything drained. Raises when it does not come up."""
        with Signals() as signals:
            try:
                for child in self._children:
                    child.start(time.monotonic())
                if self._come_up(signals, ready):
                    on_ready()
                    self._tend(signals)
                return self._drain(signals)
            finally:
                for child in self._children:
                    child.kill()
                self._lifeline.close()

    def _come_up(self, signals: Signals, ready: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + _START_S
        while not signals.stops:
            for child in self._children:
                code = child.died()
                if code is not None:
                    raise CommandError(
                        f"{child.role.name} stopped while starting ({ending(code)}).",
                        "Its own message is above; `netiv doctor` helps.",
                    )
            if ready():
                return True
            if time.monotonic() > deadline:
                raise CommandError(
                    f"Not ready after {_START_S:.0f} s.", "See the messages above; `netiv doctor` tells more."
                )
            signals.wait(_TICK_S)
        return False

    def _tend(self, signals: Signals) -> None:
        while not signals.stops:
            now = time.monotonic()
            for child in self._children:
                code = child.died()
                if code is not None:
                    pause_s = child.schedule(now)
                    self._say(f"{child.role.name} stopped ({ending(code)}); starting it again in {pause_s:g} s.")
                elif child.restart_at is not None and now >= child.restart_at:
                    child.start(now)
                    self._say(f"{child.role.name} started again (pid {child.pid}).")
            waiting = [child.restart_at - now for child in self._children if child.restart_at is not None]
            signals.wait(min(waiting, default=1.0))

    def _drain(self, signals: Signals) -> int:
        self._say("Stopping: finishing what was accepted. Ctrl-C again stops at once.")
        clean = True
        for child in self._children:
            child.terminate()
            deadline = time.monotonic() + child.role.drain_s
            while child.pid and child.died() is None:
                if signals.stops > 1:
                    self._say("Stopped at once. What was accepted is in the log and is derived at the next start.")
                    return 1
                if time.monotonic() > deadline:
                    self._say(
                        f"{child.role.name} did not stop within {child.role.drain_s:.0f} s; ending it. Nothing is lost."
                    )
                    clean = False
                    break
                signals.wait(_TICK_S)
        if clean:
            self._say("Stopped.")
        return 0 if clean else 1
