"""Rows by their places in the log, as a condition that stays short: a mutation's text is kept in memory, on disk and by a keeper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from schemas.record import Place

# How many one condition names: half a megabyte of text, where a keeper takes one.
PLACES_MAX: Final = 50_000


def at_places(places: Sequence[Place]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(condition, its parameters), so many that all places (generation, partition, offset) are named."""
    inside = sorted(places)
    for start in range(0, len(inside), PLACES_MAX):
        conditions, bound = [], {}
        for (generation, partition), among in groupby(inside[start : start + PLACES_MAX], key=lambda place: place[:2]):
            name = f"offs_{generation}_{partition}"
            bound[name] = [place[2] for place in among]
            conditions.append(
                f"log_gen = {generation} AND log_part = {partition} AND log_off IN {{{name}:Array(UInt64)}}"
            )
        yield f"({' OR '.join(conditions)})", bound
