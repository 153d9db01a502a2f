"""A bounded memory of what was acknowledged lately: a cache that saves work, never the judge (the tables are).

Two generations of (hash of site and event id) -> (hash of the bytes). Only what is durable may be remembered, and only
the same id with the same bytes is a duplicate: another payload under a known id must not be lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ENTRIES_MAX: Final = 100_000


class Recent:
    """At least the last `entries_max` / 2 acknowledged events."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._half = max(1, entries_max // 2)
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def seen(self, key: int, content: int) -> bool:
        """Whether the same bytes were acknowledged under this id."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
        return found == content

    def remember(self, marks: Iterable[tuple[int, int]]) -> None:
        """These bytes are durable under these ids: pairs as `seen` takes them."""
        self._young.update(iter(marks))
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}


def key_of(site: str, event_id: str) -> int:
    """64 bits, salted per process, so that nobody can choose two ids that meet."""
    return hash((site, event_id))
