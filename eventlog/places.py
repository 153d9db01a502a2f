"""Places in a log, of every backend: which partition a key has, which places there can be; and a place as one integer, partition
and offset, which is how appends without a task are answered. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from eventlog.contract import LogError, Position

OFFSET_BITS: Final = 48  # 2.8e14 records a partition: 89 years at 100,000 a second
OFFSET_MASK: Final = (1 << OFFSET_BITS) - 1

Run = tuple[int, int, int, int]  # generation, partition, first and last offset of neighbouring records


def partition_of(key: bytes, partitions: int) -> int:
    """CRC-32 (IEEE) of the key modulo `partitions`: the same on every machine, in every process and every backend."""
    return zlib.crc32(key) % partitions


def check(offsets: Mapping[int, int], partitions: int) -> None:
    """Raises `LogError` for a partition that isn't there or an offset below 0."""
    for partition, offset in offsets.items():
        if not 0 <= partition < partitions or offset < 0:
            raise LogError(
                f"No such place: partition {partition} offset {offset}",
                f"Partitions are 0 to {partitions - 1}, offsets start at 0.",
            )


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
