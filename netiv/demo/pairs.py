"""How well persons were told apart: pairs of events that belong together, in truth, by an oracle, and by the tables. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

import msgspec

from netiv.demo.hard import Hard


class Score(msgspec.Struct, frozen=True):
    """A share of pairs in percent, and what it must be at least (0 = it is what it is)."""

    metric: str
    pairs: int
    percent: float
    wanted: float


def scores(hard: Hard, derived: Mapping[str, str]) -> list[Score]:
    """`derived`: event id to person, of the hard cases. An event that is missing is somebody of its own."""
    found = {event: derived.get(event, f"missing {event}") for event in hard.truth}
    on_shared = {event: found[event] for event in hard.on_shared}
    return [
        _score("precision on shared devices", on_shared, hard.truth, 100.0),
        _score("precision", found, hard.truth, 100.0),
        _score("recall of what the links tell", hard.oracle, found, 98.0),
        _score("recall of what is true", hard.truth, found, 0.0),
    ]


def _score(metric: str, joined: Mapping[str, str], rightly: Mapping[str, str], wanted: float) -> Score:
    """Of the pairs that the first joins, how many the second joins too."""
    pairs = _pairs(joined.values())
    both = _pairs((person, rightly[event]) for event, person in joined.items())
    return Score(metric, pairs, percent(both, pairs), wanted)


def _pairs(persons: Iterable[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(persons).values())


def percent(part: int, whole: int) -> float:
    """A share in percent; never rounded up to 100. 0 of 0 is all of it."""
    if part == whole:
        return 100.0
    return min(round(100 * part / whole, 2), 99.99) if whole else 0.0
