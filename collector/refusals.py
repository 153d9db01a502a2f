"""Why the log takes nothing, for whoever runs it: senders are only told to come again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from eventlog.contract import LogError

EVERY_S: Final = 60.0


class Refusals:
    """Tells each kind of error once in `EVERY_S` seconds, however many requests meet it."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._told_at: dict[type[LogError], float] = {}
        self._events = structlog.get_logger("netiv.collector")

    def tell(self, error: LogError) -> None:
        """The log refused with this."""
        now = self._clock_s()
        if now - self._told_at.get(type(error), -EVERY_S) >= EVERY_S:
            self._told_at[type(error)] = now
            self._events.error("log_refuses", reason=str(error), hint=error.hint)
