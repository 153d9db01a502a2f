"""Signals as something to wait for: handlers only count, and a byte in a socket wakes the waiter."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
from types import FrameType
from typing import Self

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """While open: requests to stop are counted, and `wait` returns early for them and for the death of a child."""

    def __init__(self) -> None:
        self.stops = 0
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._stop) for number in _STOP}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1

    def wait(self, timeout_s: float) -> None:
        """Wait for a signal, or so long."""
        select.select([self._reader], [], [], max(timeout_s, 0))
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(512):
                pass
