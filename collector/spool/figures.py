"""What is to be known of a spool."""

from __future__ import annotations

import msgspec

from collector import metrics as m


class SpoolFigures(msgspec.Struct, frozen=True):
    """Of one process: records and bytes that wait, age of the oldest, records ever spooled."""

    records: int
    bytes: int
    age_s: float
    spooled: int


def show_spool(metrics: m.Metrics, figures: SpoolFigures) -> None:
    """Set the gauges."""
    metrics.set(m.SPOOL_RECORDS, figures.records)
    metrics.set(m.SPOOL_BYTES, figures.bytes)
    metrics.set(m.SPOOL_SECONDS, figures.age_s)
