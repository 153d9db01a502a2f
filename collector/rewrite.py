"""Takes members out of an event's JSON without touching the others: their bytes stay the sender's own."""

from __future__ import annotations

from typing import Final

import msgspec

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder().encode


def without(raw: bytes, name: str) -> bytes:
    """The object without its member `name`."""
    members = _MEMBERS.decode(raw)
    if members.pop(name, None) is None:
        return raw
    return _encode(members)


def without_context(raw: bytes, name: str) -> bytes:
    """The event without `context.<name>`."""
    members = _MEMBERS.decode(raw)
    if "context" in members:
        members["context"] = msgspec.Raw(without(bytes(members["context"]), name))
    return _encode(members)
