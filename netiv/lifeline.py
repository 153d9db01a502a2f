"""How children learn that their supervisor died, even by `kill -9`: a pipe whose other end only it holds.

The kernel closes that end with the process, whatever ended it; the blocked read returns, and the child drains as if
asked to stop, then takes its whole process group down. Works the same on Linux and macOS, without polling.
"""

from __future__ import annotations

import os
import signal
import threading
import time

VARIABLE = "NETIV_LIFELINE_FD"
GRACE_S = 10.0


def follow() -> None:
    """In a child: watch the lifeline, if there is one."""
    text = os.environ.pop(VARIABLE, "")
    if not text.isdigit():
        return
    handle = int(text)
    os.set_inheritable(handle, False)
    threading.Thread(target=_watch, args=(handle,), name="lifeline", daemon=True).start()


def _watch(handle: int) -> None:
    os.read(handle, 1)  # nobody writes: this returns at end of file
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


class Lifeline:
    """In the supervisor: the end that dies with it."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    @property
    def child_end(self) -> int:
        """The descriptor to pass to a child."""
        return self._read

    def environment(self) -> dict[str, str]:
        """What tells a child which descriptor it is."""
        return {VARIABLE: str(self._read)}

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self._write)
        os.close(self._read)
