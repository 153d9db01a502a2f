"""Writes commits and marks. Runs inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Mapping

from eventlog.contract import LogError
from eventlog.embedded.file import Database

_COMMIT = """
INSERT INTO commits (name, partition, next) VALUES (?, ?, ?)
ON CONFLICT (name, partition) DO UPDATE SET next = max(next, excluded.next)
"""
_MARK = "INSERT OR REPLACE INTO marks (name, partition, next) VALUES (?, ?, ?)"


def commit(db: Database, group: str, offsets: Mapping[int, int]) -> None:
    """Raise a group's commits to these offsets, never lower them."""
    for partition, offset in offsets.items():
        db.execute(_COMMIT, (group, partition, offset))


def mark(db: Database, name: str, offsets: Mapping[int, int]) -> None:
    """Set marks as given."""
    for partition, offset in offsets.items():
        db.execute(_MARK, (name, partition, offset))


def check(offsets: Mapping[int, int], partitions: int) -> None:
    """Raises `LogError` for a partition that isn't there or an offset below 0."""
    for partition, offset in offsets.items():
        if not 0 <= partition < partitions or offset < 0:
            raise LogError(
                f"No such place: partition {partition} offset {offset}",
                f"Partitions are 0 to {partitions - 1}, offsets start at 0.",
            )
