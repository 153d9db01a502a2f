"""How much is refreshed at once."""

from __future__ import annotations

import math
from typing import Final

# Visitors refreshed at once: bounds memory (about 200 MiB at 20 events a visitor), and is where time per visitor is best.
# Most identifiers have no events of their own.
SLICE_VISITORS: Final = 40_000
SLICE_IDENTIFIERS: Final = 120_000
SLICE_KEYS: Final = 60_000


def slices_of(visitors: int, identifiers: int) -> tuple[int, int]:
    """(keys in a slice, slices)."""
    keys = visitors + identifiers
    slices = max(
        1, math.ceil(visitors / SLICE_VISITORS + identifiers / SLICE_IDENTIFIERS), math.ceil(keys / SLICE_KEYS)
    )
    return math.ceil(keys / slices), slices
