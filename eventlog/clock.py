"""The clock of the collector, of commands, and of a log that is given none; everything else is given one."""

from __future__ import annotations

import time


def epoch_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
