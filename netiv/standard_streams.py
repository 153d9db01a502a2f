"""Standard streams that whoever started us had closed: open, onto nothing.

Else the next file that is opened gets their number, the lock of the data folder say, and what is meant for people is
written into it.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO


def open_closed() -> None:
    """Called before anything else is opened."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number that is free: this one
    # Python has None in their place.
    sys.stdout = sys.stdout or _onto(1)
    sys.stderr = sys.stderr or _onto(2)


def _onto(number: int) -> TextIO:
    return os.fdopen(number, "w", encoding="utf-8", closefd=False)
