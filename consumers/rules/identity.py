"""identity.yaml: the ranks of identifiers, their limits and the blocked values; and what stands for them in SQL.

A level is a number: the smaller, the stronger. All anchors share one level, all devices one, all traces one; each contact
has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from consumers.enrich.identifiers import HASHED
from consumers.rules.literal import quote
from schemas.clicks import CLICK_IDS

ANCHOR: Final = 0
CONTACT: Final = 10
OTHER: Final = 90
DEVICE: Final = 100
TRACE: Final = 200
NOBODY: Final = 250  # `event:ID`, the person of an event that names nobody
UNLIMITED: Final = 4_294_967_295


class IdentifierType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One type of identifiers; `neighbours` 0 = no limit."""

    type: str
    rank: Literal["anchor", "contact", "device", "trace"]
    neighbours: int = 0


class Blocked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values of one type, or of all, that are no identifiers."""

    type: str = ""
    values: list[str] = []
    patterns: list[str] = []


class IdentityRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """identity.yaml. Of all limits 0 = none."""

    version: int = 1
    types: tuple[IdentifierType, ...] = (
        IdentifierType("user_id", "anchor"),
        IdentifierType("visitor_id", "device", 10),
    )
    other_neighbours: int = 20
    click_neighbours: int = 20
    linked_devices: int = 50
    blocked: list[Blocked] = []

    def levels(self) -> Mapping[str, int]:
        """Type -> level; what is not here is at `OTHER`."""
        fixed = {"anchor": ANCHOR, "device": DEVICE, "trace": TRACE}
        contacts = [one.type for one in self.types if one.rank == "contact"]
        clicks = dict.fromkeys(CLICK_IDS, TRACE)
        own = {one.type: fixed.get(one.rank, CONTACT) for one in self.types}
        ranked = {name: CONTACT + number for number, name in enumerate(contacts)}
        return {**clicks, "event": NOBODY, **own, **ranked}

    def limits(self) -> Mapping[str, int]:
        """Type -> neighbours allowed; what is not here: `other_neighbours`."""
        clicks = dict.fromkeys(CLICK_IDS, self.click_neighbours or UNLIMITED)
        return {**clicks, **{one.type: one.neighbours or UNLIMITED for one in self.types}}

    def linked_max(self) -> int:
        """Most devices that may be one by their links."""
        return self.linked_devices or UNLIMITED


def level_of(rules: IdentityRules, type_sql: str) -> str:
    """SQL: the level of a type."""
    return _lookup(type_sql, rules.levels(), OTHER, "UInt8")


def limit_of(rules: IdentityRules, type_sql: str) -> str:
    """SQL: the most neighbours a type may have."""
    return _lookup(type_sql, rules.limits(), rules.other_neighbours or UNLIMITED, "UInt32")


def _lookup(type_sql: str, values: Mapping[str, int], otherwise: int, kind: str) -> str:
    names = ", ".join(quote(name) for name in values)
    numbers = ", ".join(str(number) for number in values.values())
    return f"transform(toString({type_sql}), [{names}], CAST([{numbers}], 'Array({kind})'), to{kind}({otherwise}))"


def is_blocked(rules: IdentityRules, type_sql: str, value_sql: str) -> str:
    """SQL: whether a value is no identifier."""
    cases = []
    for name, hashed in HASHED.items():
        values = {hashed(value) for one in rules.blocked if one.type in ("", name) for value in one.values}
        cases += [f"{type_sql} = {quote(name)}", _within(value_sql, sorted(values))]
    plain = f"lower(trimBoth({value_sql}))"
    conditions = []
    for one in rules.blocked:
        if one.type in HASHED:
            continue
        matches = _matches(one, plain)
        conditions.append(f"({type_sql} = {quote(one.type)} AND {matches})" if one.type else matches)
    return f"multiIf({', '.join(cases)}, {' OR '.join(conditions) or '0'})"


def is_blocked_visitor(rules: IdentityRules, value_sql: str) -> str:
    """SQL: the same of a visitor."""
    plain = f"lower(trimBoth({value_sql}))"
    return " OR ".join(f"({_matches(one, plain)})" for one in rules.blocked if one.type in ("", "visitor_id")) or "0"


def _matches(one: Blocked, plain: str) -> str:
    pattern = "|".join(f"(?:{pattern})" for pattern in one.patterns)
    within = _within(plain, sorted({value.strip(" ").lower() for value in one.values}))
    return f"({within} OR match({plain}, {quote(pattern)}))" if pattern else within


def _within(value_sql: str, values: list[str]) -> str:
    return f"{value_sql} IN ({', '.join(quote(value) for value in values)})" if values else "0"
