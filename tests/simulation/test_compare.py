"""The comparison: all right when all is right, and never when anything is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from netiv.demo.compare import compare
from netiv.demo.derived import Conversion, Derived, Session, Touch
from netiv.demo.simulate import simulate
from netiv.demo.truth import Truth

TRUTH = simulate(7, 30, datetime(2026, 6, 1, tzinfo=UTC)).truth


def perfect(truth: Truth) -> Derived:
    """What a flawless stack derives; it calls persons by other names."""
    return Derived(
        owners={event: f"user_id:{person}" for event, person in truth.owners.items()},
        sessions=[
            Session(s.visitor_id, f"user_id:{s.person}", s.started_at, s.ended_at, s.events, s.channel)
            for s in truth.sessions
        ],
        touches=[Touch(f"user_id:{t.person}", t.ts, t.kind, t.channel, t.node) for t in truth.touches],
        conversions=[
            Conversion(f"user_id:{c.person}", c.ts, c.order_id, c.value, list(c.path)) for c in truth.conversions
        ],
    )


def worst(derived: Derived) -> set[str]:
    return {line.metric for line in compare(TRUTH, derived) if line.agreement < 100}


def test_a_flawless_stack_agrees_in_everything() -> None:
    lines = compare(TRUTH, perfect(TRUTH))
    assert {line.agreement for line in lines} == {100.0}
    assert not [line for line in lines if line.differences]
    assert len(lines) == 10


def changed(field: str, change: Callable[[list[msgspec.Struct]], list[msgspec.Struct]]) -> Derived:
    right = perfect(TRUTH)
    return msgspec.structs.replace(right, **{field: change(getattr(right, field))})


def other(items: list[msgspec.Struct], **values: object) -> list[msgspec.Struct]:
    return [msgspec.structs.replace(items[0], **values), *items[1:]]


@pytest.mark.parametrize(
    ("derived", "metrics"),
    [
        (changed("sessions", lambda s: s[1:]), {"sessions", "session channels"}),
        (changed("sessions", lambda s: [*s, s[0]]), {"sessions", "session channels"}),
        (changed("sessions", lambda s: other(s, channel="Unassigned")), {"session channels"}),
        (changed("touches", lambda t: t[1:]), {"touchpoints of persons", "touchpoint channels and nodes"}),
        (changed("touches", lambda t: other(t, person_id="user_id:nobody")), {"touchpoints of persons"}),
        (changed("touches", lambda t: other(t, node="ugly")), {"touchpoint channels and nodes"}),
        (changed("conversions", lambda c: other(c, value=999)), {"revenue after refunds, ILS"}),
        (changed("conversions", lambda c: other(c, path=["Direct"] * 99)), {"conversion paths"}),
        (changed("conversions", lambda c: other(c, person_id="user_id:nobody")), {"conversions"}),
    ],
)
def test_every_difference_is_seen_where_it_is(derived: Derived, metrics: set[str]) -> None:
    assert worst(derived) == metrics


def test_two_persons_fused_lower_precision() -> None:
    right = perfect(TRUTH)
    first, second = sorted(set(right.owners.values()))[:2]
    fused = {event: first if person == second else person for event, person in right.owners.items()}
    seen = worst(msgspec.structs.replace(right, owners=fused))
    assert {"persons", "identity precision, pairs"} <= seen
    assert "identity recall, pairs" not in seen


def test_one_person_split_lowers_recall() -> None:
    right = perfect(TRUTH)
    event, person = next((e, p) for e, p in right.owners.items() if list(right.owners.values()).count(p) > 2)
    seen = worst(msgspec.structs.replace(right, owners={**right.owners, event: person + "-other"}))
    assert {"persons", "identity recall, pairs"} <= seen
    assert "identity precision, pairs" not in seen


def test_nothing_derived_is_no_agreement() -> None:
    assert {line.agreement for line in compare(TRUTH, Derived({}, [], [], []))} == {0.0}


def test_one_in_a_million_is_not_rounded_away() -> None:
    many = {f"e{number}": "p" for number in range(100_000)}
    truth = msgspec.structs.replace(TRUTH, owners=many)
    derived = msgspec.structs.replace(perfect(TRUTH), owners={**many, "e0": "q"})
    recall = next(line for line in compare(truth, derived) if line.metric == "identity recall, pairs")
    assert 99.9 < recall.agreement < 100
