"""The facts the model starts from: one per (site, subject, event_id), the earliest arrival; the others are duplicates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Fact = dict[str, Any]  # a row of `events`, as enrichment makes it


def position(fact: Fact) -> tuple[int, int, int]:
    return fact["log_gen"], fact["log_part"], fact["log_off"]


def unique(rows: Iterable[Fact]) -> tuple[list[Fact], list[Fact]]:
    """(facts, duplicates). A row read twice from one log position is one row."""
    facts: dict[tuple[str, str, str], Fact] = {}
    duplicates = []
    at_position = {position(row): row for row in rows}
    for row in sorted(at_position.values(), key=lambda row: (row["received_at"], position(row))):
        key = row["site"], row["subject"], row["event_id"]
        if key in facts:
            duplicates.append(row)
        else:
            facts[key] = row
    return list(facts.values()), duplicates


def grouped(rows: Iterable[Fact], *names: str) -> dict[tuple[Any, ...], list[Fact]]:
    """Rows by the values of some columns."""
    groups: dict[tuple[Any, ...], list[Fact]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def is_visitor(subject: str) -> bool:
    """Subjects that stand in for a missing visitor begin with a tilde."""
    return not subject.startswith("~")
