"""Whose payload is this? A kept bad event names itself by an id, as its dialect calls it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from collector.dialects.catalogue import DIALECTS
from collector.dialects.values import pairs
from schemas.decoding import DECODE_ERRORS

# `event_id`, `messageId`, `uuid`, …: the last step of every field that a dialect reads the id from.
NAMES: Final = frozenset({"event_id"}) | {
    path.rpartition(".")[2]
    for dialect in DIALECTS
    for path, place in dialect.fields.mapped.items()
    if place.partition(" ")[0] == "event_id"
}


def is_of(payload: str, event_id: str) -> bool:
    """Whether this is (or holds, as a batch does) the event of this id. What is no JSON and no form is searched for the
    quoted id."""
    raw = payload.encode("utf-8", "surrogatepass")
    try:
        return event_id in _ids(msgspec.json.decode(raw))
    except DECODE_ERRORS:
        return f'"{event_id}"' in payload or any(
            name in NAMES and value == event_id for name, value in pairs(raw).items()
        )


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _ids(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in NAMES and isinstance(one, str | int):
                yield str(one)
            else:
                yield from _ids(one)
