"""A record's place in a log as one integer, partition and offset, which is how appends without a task are answered. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eventlog.contract import Position

OFFSET_BITS: Final = 48  # 2.8e14 records a partition: 89 years at 100,000 a second
OFFSET_MASK: Final = (1 << OFFSET_BITS) - 1

Run = tuple[int, int, int, int]  # generation, partition, first and last offset of neighbouring records


def base_of(partition: int) -> int:
    """The place of a partition's offset 0."""
    return partition << OFFSET_BITS


def positions(generation: int, places: Sequence[int]) -> list[Position]:
    """Places as positions, in the order given."""
    return [Position(generation, place >> OFFSET_BITS, place & OFFSET_MASK) for place in places]


def runs(generation: int, places: Sequence[int]) -> list[Run]:
    """Places as runs of neighbours, in order."""
    if isinstance(places, range):
        first, last = places[0], places[-1]
        return [(generation, first >> OFFSET_BITS, first & OFFSET_MASK, last & OFFSET_MASK)]
    found: list[Run] = []
    ordered = sorted(places)
    start = 0
    for index in range(1, len(ordered) + 1):
        if index == len(ordered) or ordered[index] != ordered[index - 1] + 1:
            first, last = ordered[start], ordered[index - 1]
            found.append((generation, first >> OFFSET_BITS, first & OFFSET_MASK, last & OFFSET_MASK))
            start = index
    return found
