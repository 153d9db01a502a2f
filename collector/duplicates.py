"""A bounded memory of what was acknowledged lately: a cache that saves work, never the judge (the tables are).

Two generations of marks. Only what is durable may be remembered, and only the same id with the same bytes is a duplicate:
another payload under a known id must not be lost.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

ENTRIES_MAX: Final = 100_000

Mark = int  # of an event: its site, its id and its bytes


class Recent:
    """At least the last `entries_max` / 2 acknowledged events."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._half = max(1, entries_max // 2)
        self._young: set[Mark] = set()
        self._old: set[Mark] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def seen(self, mark: Mark) -> bool:
        """Whether this event was acknowledged."""
        return mark in self._young or mark in self._old

    def remember(self, marks: Collection[Mark]) -> None:
        """These events are durable."""
        self._young.update(marks)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()


def mark_of(site: str, event_id: str, event: bytes) -> Mark:
    """64 bits, salted per process, so that nobody can choose two events that meet."""
    return hash((site, event_id, event))
