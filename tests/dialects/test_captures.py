"""Every captured request is understood, nothing of it is lost, and each event passes the collector's own acceptance."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import msgspec
import pytest

from collector.accept import Sender, judge
from collector.dialects.catalogue import DIALECTS, find
from collector.dialects.contract import Dialect
from schemas.record import Accepted
from schemas.sites import Site
from tests.dialects.captured import Capture, captures, examples, messages
from tests.dialects.leaves import leaves_of, sent

ENTRIES = {"segment": "batch", "snowplow": "data", "posthog": "batch", "meta_capi": "data"}
# Fields that become a type or a name rather than a value.
NAMES = {"e", "en", "type", "event", "n", "name", "event_name", "events[].name", "idgoal", "ping", "rec", "schema"}


def dialect_of(capture: Capture) -> Dialect:
    found = find(capture.path)
    assert found is not None, capture
    return found


def everything() -> list[Capture]:
    return [*messages(), *examples()]


def pattern_of(path: str, patterns: object) -> str | None:
    """The pattern of the tables that covers a path, the longest first."""
    return next(
        (one for one in sorted(patterns, key=len, reverse=True) if fnmatch.fnmatchcase(path, escaped(one))), None
    )


def escaped(pattern: str) -> str:
    return pattern.replace("[]", "[[][]]").replace("?", "[?]")


def test_there_are_captures_of_every_family() -> None:
    assert {dialect_of(one).name for one in everything()} == {dialect.name for dialect in DIALECTS}
    assert len(messages()) > 400


@pytest.mark.parametrize("capture", everything(), ids=str)
def test_each_is_understood_and_accepted(capture: Capture) -> None:
    decoded = dialect_of(capture).decode(capture.request)
    assert decoded.items
    assert not decoded.refused
    assert decoded.keys or any(item.key for item in decoded.items)
    sender = Sender(Site("site"), secret=False, received_at=1795299400000, minted="minted-visitor", sent_at=None)
    for item in decoded.items:
        verdict = judge(msgspec.json.encode(item.event), sender, True, lambda: "made")
        assert isinstance(verdict.record, Accepted), (verdict.rejection, item.event)


@pytest.mark.parametrize("capture", everything(), ids=str)
def test_nothing_is_lost(capture: Capture) -> None:
    dialect = dialect_of(capture)
    decoded = dialect.decode(capture.request)
    found = {same(value) for item in decoded.items for _, value in leaves_of(item.event)}
    found |= {same(key) for key in (*decoded.keys, *(item.key for item in decoded.items))} | {same(decoded.sent_at)}
    whole = json.dumps([item.event for item in decoded.items], ensure_ascii=False)
    for path, value in sent(capture, ENTRIES.get(dialect.name, "")):
        if path in dialect.fields.transport or path in NAMES or path.endswith("[].name"):
            continue
        assert same(value) in found or inside(value, whole), f"{path} = {value!r} is lost"


def same(value: Any) -> str:
    """A number and its text are one; so are times in micro-, milli- and seconds."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    while abs(number) > 1e12:
        number /= 1000
    return repr(int(number)) if abs(number) > 1e9 else repr(number)


def inside(value: Any, whole: str) -> bool:
    """Part of a text of ours: a path in a URL, a name of two words, an order's lines."""
    text = json.dumps(str(value), ensure_ascii=False)[1:-1]
    if text in whole or text[:1] == "[":
        return True
    return (
        text.rsplit(".", 1)[-1] in whole
        if text.startswith("fb.1.")
        else text.startswith("iglu:") or text in ("$direct", "True", "{}")
    )


@pytest.mark.parametrize("capture", everything(), ids=str)
def test_every_field_is_in_the_table(capture: Capture) -> None:
    """A client that begins to send something new must be looked at: mapped, kept, or transport."""
    dialect = dialect_of(capture)
    fields = dialect.fields
    listed = {*fields.mapped, *fields.kept, *fields.transport}
    for path, _ in sent(capture, ENTRIES.get(dialect.name, "")):
        assert pattern_of(path, listed), f"{dialect.name}: {path} is in neither list"


def test_a_kept_field_is_under_dialect() -> None:
    """What a table calls kept is kept where it says."""
    for capture in everything():
        dialect = dialect_of(capture)
        kept = [item.event.get("properties", {}).get("$dialect") for item in dialect.decode(capture.request).items]
        values = {same(value) for _, value in leaves_of(kept)}
        fields = dialect.fields
        for path, value in sent(capture, ENTRIES.get(dialect.name, "")):
            pattern = pattern_of(path, {*fields.mapped, *fields.kept, *fields.transport})
            if pattern in fields.kept:
                assert same(value) in values or same(value) == "{}", (
                    f"{capture}: {path} = {value!r} is not under $dialect"
                )


def test_every_captured_path_is_served() -> None:
    for capture in captures():
        if capture.scenario != "side-404":
            assert find(capture.path) is not None, capture
