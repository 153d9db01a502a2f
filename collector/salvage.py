"""Splits the `events` of a body that a decoder refused as a whole, so that one bad entry does not take the others.

Finds where each entry begins and ends by strings and brackets alone: no recursion, no values. A body that is not
closed properly, or has too many parts to look at, is not split.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

# A string that nobody closes ends with the body: were it no match, each quote in it would be tried as the beginning of another, and
# a body of 100 KB hold the event loop for a minute.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{},:]', re.DOTALL)
_BLANK: Final = b" \t\r\n"
# Each token costs about 0.2 µs; this bounds the time one hostile body can hold the event loop.
TOKENS_MAX: Final = 200_000


class Split(msgspec.Struct, frozen=True):
    """The entries of `events`, and the other members of the body as one small JSON object."""

    events: list[bytes]
    rest: bytes


def split(body: bytes, name: str = "events") -> Split | None:
    """The parts of a batch body; None when it is no closed object with an array of this name."""
    spans = _members(body)
    if spans is None:
        return None
    named = {body[key[0] : key[1]].strip(_BLANK): value for key, value in spans if key is not None}
    value = named.pop(b'"%s"' % name.encode(), None)
    if value is None:
        return None
    array = body[value[0] : value[1]].strip(_BLANK)
    entries = _members(array) if array[:1] == b"[" else None
    if entries is None:
        return None
    events = [array[start:end].strip(_BLANK) for _, (start, end) in entries]
    rest = b",".join(key + b":" + body[start:end] for key, (start, end) in named.items())
    return Split([] if events == [b""] else events, b"{" + rest + b"}")


def members_named(body: bytes, name: bytes) -> int:
    """How many members of the object have this name (with its quotes); 0 where it is not split."""
    spans = _members(body) or []
    return sum(key is not None and body[key[0] : key[1]].strip(_BLANK) == name for key, _ in spans)


Span = tuple[int, int]


def _members(text: bytes) -> list[tuple[Span | None, Span]] | None:
    """(key span, value span) of each member of the object or array that `text` is."""
    stack = bytearray()
    members: list[tuple[Span | None, Span]] = []
    start, key = 0, None
    for count, match in enumerate(_TOKEN.finditer(text)):
        token = match.group()
        if count > TOKENS_MAX or (not stack and (members or start)):
            return None
        if token in (b"{", b"["):
            if not stack:
                if text[: match.start()].strip(_BLANK):
                    return None
                start = match.end()
            stack += token
        elif token in (b"}", b"]"):
            if not stack or stack.pop() != (0x7B if token == b"}" else 0x5B):
                return None
            if not stack:
                members.append((key, (start, match.start())))
                if text[match.end() :].strip(_BLANK):
                    return None
        elif len(stack) == 1 and token == b",":
            members.append((key, (start, match.start())))
            start, key = match.end(), None
        elif len(stack) == 1 and token == b":":
            key, start = (start, match.start()), match.end()
    return members if members and not stack else None
