"""Under which names consumers tell the log how far the tables are, and everybody else asks it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

P = TypeVar("P")
# The consumers' group: what it has committed is derived.
GROUP: Final = "netiv"
# A mark: what lies below it is in the facts.
LOADED: Final = "loaded"


def waiting(ends: Mapping[P, int], derived: Mapping[P, int]) -> int:
    """How many records are acknowledged and not derived yet, by the next offsets of each partition."""
    return sum(max(0, end - derived.get(partition, 0)) for partition, end in ends.items())
