"""Attribution as a textbook would do it: slow, with exact fractions, one definition at a time."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import factorial

Way = Sequence[str]


def positional(model: str, channels: Way, ages_ms: Sequence[int], half_life_ms: int = 7 * 86_400_000) -> list[float]:
    """Credits of one path."""
    n = len(channels)
    named = [i for i, channel in enumerate(channels) if channel != "Direct"]
    if model == "position":
        if n == 1:
            return [1.0]
        return [0.5, 0.5] if n == 2 else [0.4, *[0.2 / (n - 2)] * (n - 2), 0.4]
    if model == "time_decay":
        weights = [2 ** (-age / half_life_ms) for age in ages_ms]
        return [weight / sum(weights) for weight in weights]
    if model == "linear":
        return [1 / n] * n
    winner = {"first": 0, "last": n - 1, "last_non_direct": named[-1] if named else n - 1}[model]
    return [float(i == winner) for i in range(n)]


def conversion_chance(ways: list[tuple[Way, bool]], order: int, removed: str | None = None) -> Fraction:
    """The chance that a walk over the ways' steps converts, by Gauss's elimination."""
    counted: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {}
    for channels, converted in ways:
        if not channels:
            continue
        state: tuple[str, ...] = ("(start)",) * order
        for channel in [*channels, "(conversion)" if converted else "(null)"]:
            following = (*state[1:], channel)
            counted.setdefault(state, {}).setdefault(following, 0)
            counted[state][following] += 1
            state = following
    states = sorted(counted)
    lines = []
    for state in states:
        total = sum(counted[state].values())
        line = [Fraction(int(state == other)) for other in states]
        end = Fraction(0)
        for following, times in counted[state].items():
            if following[-1] == "(conversion)":
                end += Fraction(times, total)
            elif following in counted and following[-1] != removed:
                line[states.index(following)] -= Fraction(times, total)
        lines.append([*line, end])
    for k in range(len(states)):
        pivot = next(i for i in range(k, len(states)) if lines[i][k] != 0)
        lines[k], lines[pivot] = lines[pivot], lines[k]
        lines[k] = [x / lines[k][k] for x in lines[k]]
        for i, line in enumerate(lines):
            if i != k and line[k]:
                lines[i] = [x - line[k] * y for x, y in zip(line, lines[k], strict=True)]
    start = ("(start)",) * order
    return lines[states.index(start)][-1] if start in counted else Fraction(0)


def removal_effects(ways: list[tuple[Way, bool]], order: int = 1) -> dict[str, Fraction]:
    total = conversion_chance(ways, order)
    channels = sorted({channel for channels, _ in ways for channel in channels})
    return {c: 1 - conversion_chance(ways, order, c) / total if total else Fraction(0) for c in channels}


def shapley_values(converted: list[Way]) -> dict[str, Fraction]:
    """Over all coalitions: what a channel adds to the conversions that the others could have made alone."""
    sets = [frozenset(channels) for channels in converted if channels]
    players = sorted(frozenset().union(*sets)) if sets else []
    worth = {
        frozenset(team): sum(one <= frozenset(team) for one in sets)
        for size in range(len(players) + 1)
        for team in combinations(players, size)
    }
    n = len(players)
    return {
        player: sum(
            (
                Fraction(factorial(len(team)) * factorial(n - len(team) - 1), factorial(n))
                * (worth[team | {player}] - value)
                for team, value in worth.items()
                if player not in team
            ),
            Fraction(0),
        )
        for player in players
    }


def by_effect(channels: Way, effects: dict[str, Fraction]) -> list[float]:
    total = sum(effects[channel] for channel in set(channels))
    return [float(effects[channel] / total / list(channels).count(channel)) for channel in channels]


def transformed(channels: Way, kind: str) -> list[int]:
    """Which positions a transform keeps."""
    if kind == "collapse":
        return [i for i, channel in enumerate(channels) if i == 0 or channels[i - 1] != channel]
    if kind == "first":
        return [i for i, channel in enumerate(channels) if channel not in channels[:i]]
    if kind == "drop_direct":
        return [i for i, channel in enumerate(channels) if channel != "Direct"] or list(range(len(channels)))
    return list(range(len(channels)))
