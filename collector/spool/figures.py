"""What is to be known of a spool."""

from __future__ import annotations

import msgspec


class SpoolFigures(msgspec.Struct, frozen=True):
    """Of one process: records and bytes that wait, age of the oldest, records ever spooled."""

    records: int
    bytes: int
    age_s: float
    spooled: int
