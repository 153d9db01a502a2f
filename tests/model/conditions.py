"""Conditions on plain events, read as rule files say them."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from consumers.rules.conditions import Condition, EventRule
from tests.model.facts import Fact

COLUMNS = {"source": "utm_source", "medium": "utm_medium", "campaign": "utm_campaign", "content": "utm_content", "term": "utm_term",
           "click_id": "click_id_type"}  # fmt: skip


def text_of(fact: Fact, field: str) -> str:
    """A field as text, '' where it is not there."""
    if field == "path":
        return urlsplit(fact["url"]).path
    if not field.startswith("properties."):
        value = fact[COLUMNS.get(field, field)]
        return "" if value is None else f"{value.normalize():f}" if field == "value" else str(value)
    value: Any = json.loads(fact["properties"] or "{}")
    for part in field.split(".")[1:]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str) or value is None:
        return value or ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def number_of(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def holds(condition: Condition, fact: Fact) -> bool:
    text = text_of(fact, condition.field)
    number = number_of(text)
    wanted = [condition.equals] if isinstance(condition.equals, str) else condition.equals
    return (
        (wanted is None or text.lower() in [value.lower() for value in wanted])
        and (condition.matches is None or re.search(condition.matches, text, re.IGNORECASE) is not None)
        and (condition.at_least is None or (number is not None and number >= condition.at_least))
        and (condition.below is None or (number is not None and number < condition.below))
    )


def plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name, flags=re.ASCII).strip(" ").lower()


def is_one(rule: EventRule, fact: Fact) -> bool:
    """Whether a rule names this event."""
    return (
        fact["type"] in rule.types
        and (not rule.names or plain(fact["name"]) in [plain(name) for name in rule.names])
        and all(holds(condition, fact) for condition in rule.when)
    )
