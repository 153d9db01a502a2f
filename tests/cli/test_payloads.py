"""Whose a kept payload is: by the id that its dialect reads, never by a value that only looks like it."""

from __future__ import annotations

import pytest

from netiv.payloads import NAMES, is_of


def test_the_names_are_those_of_the_dialects() -> None:
    assert {"event_id", "messageId", "uuid", "eid"} <= NAMES


@pytest.mark.parametrize(
    ("payload", "of"),
    [
        ('{"type":"x","event_id":"e-1"}', True),
        ('{"messageId": "e-1"}', True),
        ('{"event_id":7}', False),
        ('{"event_id":"e-10","properties":{"note":"e-1"}}', False),
        ('{"type":"x","properties":{"after":"e-1"}}', False),
        ('{"batch":[{"uuid":"a"},{"uuid":"e-1"}]}', True),
        ("e=pv&eid=e-1&p=web", True),
        ("e=pv&eid=e-10&p=web&page=e-1", False),
        ('{"event_id":"e-1","type":', True),
        ('{"event_id":"e-10","type":', False),
        ("[[[", False),
    ],
)
def test_of_an_event(payload: str, of: bool) -> None:
    assert is_of(payload, "e-1") is of
