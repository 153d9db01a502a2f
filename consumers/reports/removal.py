"""Removal effects of a Markov chain of any order: pure, from counted transitions to one number per channel.

Order 1 is solved in SQL (views/20_attribution.sql). A chain of order 2 has up to a thousand states, of which each
channel removes dozens: too much for a matrix in SQL, so the report fetches the counts and solves them here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

START: Final = "(start)"
CONVERSION: Final = "(conversion)"
TOLERANCE: Final = 1e-13
SWEEPS_MAX: Final = 100_000

State = tuple[str, ...]
Chances = Mapping[State, list[tuple[State, float]]]


def removal_effects(transitions: Iterable[tuple[State, str, int]]) -> dict[str, float]:
    """By which share the chance of a conversion falls when every step into a channel ends the way.

    `transitions`: (the last channels, the latest last; the next channel or how it ended; how often). Ways start in a
    state of nothing but "(start)".
    """
    chances, order = _chances(transitions)
    start = (START,) * order
    total = _conversion_chance(chances, start, "")
    channels = sorted({state[-1] for state in chances} - {START})
    if total == 0:
        return dict.fromkeys(channels, 0.0)
    return {channel: 1 - _conversion_chance(chances, start, channel) / total for channel in channels}


def _chances(transitions: Iterable[tuple[State, str, int]]) -> tuple[Chances, int]:
    counted: dict[State, dict[State, int]] = defaultdict(lambda: defaultdict(int))
    order = 1
    for state, following, times in transitions:
        order = len(state)
        counted[state][(*state[1:], following)] += times
    chances = {
        state: [(following, times / sum(onward.values())) for following, times in onward.items()]
        for state, onward in counted.items()
    }
    return chances, order


def _conversion_chance(chances: Chances, start: State, removed: str) -> float:
    """The chance of a conversion from `start` when no way passes `removed`: Gauss-Seidel, late states first."""
    value = dict.fromkeys(chances, 0.0)
    if start not in value:
        return 0.0
    ending = dict.fromkeys(chances, 0.0)
    onward: dict[State, list[tuple[State, float]]] = {}
    for state, following in chances.items():
        ending[state] = sum(chance for target, chance in following if target[-1] == CONVERSION)
        onward[state] = [(target, chance) for target, chance in following if target in value and target[-1] != removed]
    for _ in range(SWEEPS_MAX):
        moved = 0.0
        for state, targets in onward.items():
            new = ending[state] + sum(value[target] * chance for target, chance in targets)
            moved = max(moved, abs(new - value[state]))
            value[state] = new
        if moved < TOLERANCE:
            break
    return value[start]
