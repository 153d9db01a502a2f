"""The clock of a log that is given none."""

from __future__ import annotations

import time


def epoch_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
