"""Precision and recall of persons: all right when all is right, and never when anything is not."""

from __future__ import annotations

from datetime import UTC, datetime

from netiv.demo.hard import Hard
from netiv.demo.pairs import scores
from netiv.demo.simulate import simulate

HARD: Hard = simulate(7, 60, datetime(2026, 6, 1, tzinfo=UTC)).hard


def shares(derived: dict[str, str]) -> dict[str, float]:
    return {score.metric: score.percent for score in scores(HARD, derived)}


def test_the_oracle_scores_full_and_does_not_know_all() -> None:
    found = shares(HARD.oracle)
    assert found["precision on shared devices"] == found["precision"] == found["recall of what the links tell"] == 100
    assert 50 < found["recall of what is true"] < 100


def test_one_person_for_everybody_costs_precision() -> None:
    found = shares(dict.fromkeys(HARD.truth, "everybody"))
    assert found["precision on shared devices"] < 50
    assert found["recall of what the links tell"] == 100


def test_nobody_known_costs_recall() -> None:
    assert shares({event: event for event in HARD.truth})["recall of what the links tell"] == 0
    assert shares({})["recall of what the links tell"] == 0


def test_two_people_of_a_tablet_taken_for_one() -> None:
    by_person = {HARD.truth[event] for event in HARD.on_shared if "-family" in HARD.truth[event]}
    one, other = sorted(by_person)[:2]
    mixed = {event: one if person == other else person for event, person in HARD.oracle.items()}
    assert shares(mixed)["precision on shared devices"] < 100


def test_every_case_is_there() -> None:
    cases = {person.rsplit("-", 1)[1].rstrip("0123456789") for person in HARD.truth.values()}
    assert cases == {"cleared", "addresses", "card", "family", "guest", "typo", "domains", "blank"}
