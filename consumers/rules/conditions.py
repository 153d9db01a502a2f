"""Conditions on a plain event, as rule files write them, and as SQL over the columns of `events` (or `v_events`).

`path` is the path of the page; `properties.a.b` reads the event's properties. Texts are compared whole, ignoring case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from consumers.rules.literal import quote

OneOrMore = str | list[str]

# Name in a rule file -> SQL text.
FIELDS: Final = {
    "url": "url", "path": "path(url)", "title": "title", "referrer": "referrer", "source": "utm_source", "medium": "utm_medium",
    "campaign": "utm_campaign", "content": "utm_content", "term": "utm_term", "click_id": "click_id_type",
    "value": "ifNull(toString(value), '')", "currency": "currency", "order_id": "order_id", "country": "country",
    "device_type": "device_type", "language": "language", "browser": "browser", "os": "os", "dialect": "dialect",
}  # fmt: skip
PROPERTIES: Final = "properties."

# Case, spaces, dashes and underscores of an event's name don't matter.
_NAME: Final = "lower(trimBoth(replaceRegexpAll(toString(name), '[\\\\s_-]+', ' ')))"


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a field must be; all that is set must hold. A field that is not there is the empty text, and no number."""

    field: str
    equals: OneOrMore | None = msgspec.field(default=None, name="is")
    matches: str | None = None
    at_least: float | None = None
    below: float | None = None


class EventRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events: their type, their name (any, when none is given), and what else must hold of them."""

    types: list[str]
    names: list[str] = []
    when: list[Condition] = []


def is_field(name: str) -> bool:
    """Whether there is such a field."""
    return name in FIELDS or (name.startswith(PROPERTIES) and all(name.removeprefix(PROPERTIES).split(".")))


def text_of(field: str) -> str:
    """A field as text: '' where it is not there."""
    if field in FIELDS:
        return f"toString({FIELDS[field]})"
    place = ", ".join(quote(part) for part in field.removeprefix(PROPERTIES).split("."))
    return (
        f"multiIf(JSONType(properties, {place}) = 'String', JSONExtractString(properties, {place}), "
        f"JSONType(properties, {place}) = 'Null', '', JSONExtractRaw(properties, {place}))"
    )


def condition_sql(condition: Condition) -> str:
    """Whether it holds, as SQL."""
    text = text_of(condition.field)
    parts = []
    if condition.equals is not None:
        listed = [condition.equals] if isinstance(condition.equals, str) else condition.equals
        parts.append(f"lowerUTF8({text}) IN ({', '.join(quote(value.lower()) for value in listed)})")
    if condition.matches is not None:
        parts.append(f"match({text}, {quote('(?i)' + condition.matches)})")
    for sign, number in ((">=", condition.at_least), ("<", condition.below)):
        if number is not None:
            parts.append(f"ifNull(toFloat64OrNull({text}) {sign} {number}, 0)")
    return " AND ".join(parts) or "1"


def rule_sql(rule: EventRule) -> str:
    """Whether an event is one of them, as SQL."""
    parts = [f"type IN ({', '.join(quote(kind) for kind in rule.types)})"]
    if rule.names:
        parts.append(f"{_NAME} IN ({', '.join(quote(plain_name(name)) for name in rule.names)})")
    return "(" + " AND ".join([*parts, *(condition_sql(one) for one in rule.when)]) + ")"


def any_rule_sql(rules: Iterable[EventRule]) -> str:
    """Whether an event is one of any of them, as SQL. Rules that differ in their names only are one condition: the engine
    analyses every condition anew in every statement that has it."""
    named: dict[tuple[str, ...], list[str]] = {}
    others = []
    for rule in rules:
        if rule.names and not rule.when:
            named.setdefault(tuple(rule.types), []).extend(rule.names)
        else:
            others.append(rule)
    merged = [EventRule(types=list(types), names=list(dict.fromkeys(names))) for types, names in named.items()]
    return " OR ".join(rule_sql(rule) for rule in [*merged, *others]) or "0"


def plain_name(name: str) -> str:
    """A name as names are compared."""
    return " ".join(name.lower().replace("-", " ").replace("_", " ").split())
