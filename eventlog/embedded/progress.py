"""Writes commits and marks. Runs inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Mapping

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
