"""Which columns of events a refresh copies: those that some derivation names under the rules in force."""

from __future__ import annotations

import msgspec

from consumers.enrich.row import EVENT_TYPES
from consumers.identity.macros import OF_REFRESH
from consumers.refresh.bounds import columns_read
from consumers.rules.files import Rules, load
from consumers.rules.macros import macros


def read(rules: Rules) -> set[str]:
    """What is copied under these rules."""
    return set(columns_read(EVENT_TYPES, {**macros(rules), **OF_REFRESH, "scratch": "s", "derived": "d"}))


def test_what_no_step_names_is_not_copied() -> None:
    assert set(EVENT_TYPES) - read(load()) == {
        "ts_source", "sent_at", "created_at", "title", "browser", "os", "language", "timezone", "screen", "seq", "consent",
        "properties",
    }  # fmt: skip


def test_what_a_rule_names_is_copied() -> None:
    rules = load()
    first = msgspec.structs.replace(rules.conversions.events[0], value_from="properties.total")
    conversions = msgspec.structs.replace(rules.conversions, events=[first, *rules.conversions.events[1:]])
    assert read(msgspec.structs.replace(rules, conversions=conversions)) - read(rules) == {"properties"}
