"""Truth against tables: one line per promise, with the share that agrees and the first things that do not. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import msgspec

from netiv.demo.derived import Derived
from netiv.demo.pairs import percent
from netiv.demo.truth import Truth

_SHOWN = 5


class Line(msgspec.Struct, frozen=True):
    """One metric. `agreement` in percent, 100 only when nothing at all differs; `differences` the first few."""

    metric: str
    truth: float
    derived: float
    agreement: float
    differences: list[str] = []


def compare(truth: Truth, derived: Derived) -> list[Line]:
    """All metrics."""
    names = _persons(truth, derived)
    return [
        *_identity(truth, derived),
        _bags(
            "sessions",
            ((s.visitor_id, s.started_at, s.ended_at, s.events) for s in truth.sessions),
            ((s.visitor_id, s.started_at, s.ended_at, s.events) for s in derived.sessions),
        ),
        _bags(
            "session channels",
            ((s.visitor_id, s.started_at, s.channel) for s in truth.sessions),
            ((s.visitor_id, s.started_at, s.channel) for s in derived.sessions),
        ),
        _bags(
            "touchpoints of persons",
            ((t.person, t.ts, t.kind) for t in truth.touches),
            ((names.get(t.person_id, t.person_id), t.ts, t.kind) for t in derived.touches),
        ),
        _bags(
            "touchpoint channels and nodes",
            ((t.ts, t.channel, t.node) for t in truth.touches),
            ((t.ts, t.channel, t.node) for t in derived.touches),
        ),
        _bags(
            "conversions",
            ((c.person, c.order_id or c.ts) for c in truth.conversions),
            ((names.get(c.person_id, c.person_id), c.order_id or c.ts) for c in derived.conversions),
        ),
        _revenue(truth, derived),
        _bags(
            "conversion paths",
            ((c.order_id or c.ts, tuple(c.path)) for c in truth.conversions),
            ((c.order_id or c.ts, tuple(c.path)) for c in derived.conversions),
        ),
    ]


def _bags(metric: str, truth: Iterable[Hashable], derived: Iterable[Hashable]) -> Line:
    """Two multisets: what both have over what either has."""
    left, right = Counter(truth), Counter(derived)
    both, either = (left & right).total(), (left | right).total()
    missing = [f"missing: {item}" for item in list((left - right).elements())[:_SHOWN]]
    extra = [f"extra: {item}" for item in list((right - left).elements())[:_SHOWN]]
    return Line(metric, left.total(), right.total(), percent(both, either), missing + extra)


def _revenue(truth: Truth, derived: Derived) -> Line:
    """Money after refunds: the sums, and agreement by the amount that is on the right conversion."""
    left = {str(c.order_id or c.ts): c.value for c in truth.conversions}
    right: Counter[str] = Counter()
    for conversion in derived.conversions:
        right[str(conversion.order_id or conversion.ts)] += conversion.value
    off = {key: right[key] - left.get(key, 0) for key in left.keys() | right.keys() if right[key] != left.get(key, 0)}
    total = max(sum(left.values()), 1)
    shown = [f"{key}: {left.get(key, 0) / 100} became {right[key] / 100}" for key in sorted(off)[:_SHOWN]]
    agreement = percent(total - min(sum(map(abs, off.values())), total), total)
    return Line("revenue after refunds, ILS", sum(left.values()) / 100, right.total() / 100, agreement, shown)


def _identity(truth: Truth, derived: Derived) -> list[Line]:
    """Pairs of events that belong to one person: of those the tables join, how many truly do (precision); of those
    that truly do, how many the tables join (recall)."""
    pairs = Counter((truth.owners[event], person) for event, person in derived.owners.items() if event in truth.owners)
    together = _pairs(pairs)
    true = _pairs(Counter(truth.owners.values()))
    claimed = _pairs(_sums(pairs, 1))
    lost = [f"missing event: {event}" for event in sorted(truth.owners.keys() - derived.owners.keys())[:_SHOWN]]
    persons = len(set(truth.owners.values()))
    found = len(set(derived.owners.values()))
    return [
        Line("persons", persons, found, percent(min(persons, found), max(persons, found)), lost),
        Line("identity precision, pairs", together, claimed, percent(together, claimed or true)),
        Line("identity recall, pairs", true, together, percent(together, true)),
    ]


def _persons(truth: Truth, derived: Derived) -> dict[str, str]:
    """Derived person to the true person most of its events belong to."""
    best: dict[str, tuple[int, str]] = {}
    for (true, person), count in Counter(
        (truth.owners[e], p) for e, p in derived.owners.items() if e in truth.owners
    ).items():
        best[person] = max(best.get(person, (0, "")), (count, true))
    return {person: true for person, (_, true) in best.items()}


def _sums(pairs: Mapping[tuple[Any, ...], int], side: int) -> Counter[Any]:
    sums: Counter[Any] = Counter()
    for key, count in pairs.items():
        sums[key[side]] += count
    return sums


def _pairs(counts: Mapping[Any, int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
