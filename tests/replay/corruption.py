"""Twenty ways in which a sender spoils an event, the code each is refused with, and the patch that mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

Event = dict[str, Any]
Patch = list[dict[str, Any]]


class Way(NamedTuple):
    """`spoil` gives the bytes that are sent instead of the event; `mend` the patch for what is kept."""

    code: str
    spoil: Callable[[Event], bytes]
    mend: Callable[[Event], Patch]


def text(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def whole(event: Event) -> Patch:
    """For what is no JSON any more."""
    return [{"op": "replace", "path": "", "value": event}]


def without(event: Event, *names: str) -> Event:
    return {name: value for name, value in event.items() if name not in names}


def put(path: str, value: Any) -> Patch:
    return [{"op": "add", "path": path, "value": value}]


def original(path: str, name: str) -> Callable[[Event], Patch]:
    return lambda event: put(path, event[name])


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def remove(path: str) -> Callable[[Event], Patch]:
    return lambda event: [{"op": "remove", "path": path}]


WAYS = [
    Way("missing_type", lambda e: text(without(e, "type")), original("/type", "type")),
    Way("unknown_type", lambda e: text({**e, "type": "Page"}), original("/type", "type")),
    Way("wrong_type", lambda e: text({**e, "type": 5}), original("/type", "type")),
    Way("wrong_type", lambda e: text({**e, "visitor_id": {"id": 1}}), original("/visitor_id", "visitor_id")),
    Way("wrong_type", lambda e: text({**e, "properties": "none"}), original("/properties", "properties")),
    Way("wrong_type", lambda e: text({**e, "identifiers": []}), remove("/identifiers")),
    Way("wrong_type", lambda e: text({**e, "order": {"value": "349"}}), remove("/order")),
    Way("invalid_time", lambda e: text({**e, "created_at": "31/12/2026"}), original("/created_at", "created_at")),
    Way("invalid_time", lambda e: text({**e, "sent_at": "later"}), original("/sent_at", "sent_at")),
    Way("invalid_string", lambda e: text({**e, "name": "a\0b"}), original("/name", "name")),
    Way("string_too_long", lambda e: text({**e, "name": "x" * 9000}), original("/name", "name")),
    Way("too_many_keys", lambda e: text({**e, "properties": {f"k{n}": n for n in range(300)}}), original("/properties", "properties")),
    Way("too_deep", lambda e: text({**e, "properties": nested(20)}), original("/properties", "properties")),
    Way("event_too_large", lambda e: text({**e, "properties": {f"k{n}": "x" * 1000 for n in range(80)}}), original("/properties", "properties")),
    Way("identifier_too_long", lambda e: text({**e, "user_id": "u" * 600}), remove("/user_id")),
    Way("invalid_number", lambda e: text({**e, "order": {"value": 10**15}}), remove("/order")),
    Way("invalid_number", lambda e: text(e).replace(b'"n": 1', b'"n": 1e999'), whole),
    Way("not_an_object", lambda e: text([e]), lambda e: whole(e)),
    Way("not_an_object", lambda e: b"null", whole),
    Way("invalid_utf8", lambda e: text(e).replace("שלום".encode(), b"\xf9\xec\xe5\xed"), whole),
]  # fmt: skip
