"""Limits inside one event: string length, keys, nesting, and numbers or strings that must not be stored.

Cheap counts come first: what cannot be over a limit is never walked. Pure; recursion-free.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import msgspec

from collector.envelope import escape, rejection_of
from schemas.decoding import DECODE_ERRORS
from schemas.limits import EVENT_BYTES_MAX, NESTING_MAX, PROPERTIES_KEYS_MAX, STRING_CHARS_MAX
from schemas.rejection import CODES, Rejection

# A number over the range of a double has an exponent of three digits, or of two (99 at most) after 210 digits in a row, or
# 309 digits and none. Looking for their shapes (digits as 0, E as e, no +) is ten times as fast as a pattern, which then only
# looks at what has the shape.
_SHAPES: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x65 if byte in b"eE" else byte for byte in range(256))
_LONG: Final = b"0" * 32
_HUGE: Final = re.compile(rb"[eE]\+?[0-9]{3,}\s*[,\]}]|[0-9]{210}")
# As many different keys as are allowed take this much: `"a":1,` each.
MANY_KEYS_BYTES: Final = 5 * PROPERTIES_KEYS_MAX
_ANY: Final = msgspec.json.Decoder(Any)


def suspect(content: bytes) -> bool:
    """Whether the content may hold what the decoder lets pass: bad UTF-8, NUL, or numbers over a double's range.

    One look at a whole body; False is certain, True asks for a look at each event (`unstorable`)."""
    if not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError:
            return True
    if b"\\" in content and b"\\u0000" in content:
        return True
    shapes = content.translate(_SHAPES, b"+")
    # `rfind` takes half the time of `in` here: its first look is at the rarer end of the pattern.
    return (shapes.rfind(b"0e000") >= 0 or shapes.rfind(_LONG) >= 0) and _HUGE.search(content) is not None


def unstorable(raw: bytes) -> Rejection | None:
    """A closer look at a suspect event."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Rejection("invalid_utf8", "", CODES["invalid_utf8"][0])
    return _walk(raw)


def over_limit(raw: bytes) -> Rejection | None:
    """The first limit this event is over."""
    size = len(raw)
    if size > EVENT_BYTES_MAX:
        return Rejection("event_too_large", "", f"{size} bytes")
    if (
        size <= STRING_CHARS_MAX
        and opened(raw) <= NESTING_MAX
        and (size < MANY_KEYS_BYTES or raw.count(b":") <= PROPERTIES_KEYS_MAX)
    ):
        return None
    return _walk(raw)


def opened(raw: bytes) -> int:
    """How many objects and arrays at most: brackets in strings count too."""
    # `replace` looks for a byte as the C library does, `count` byte by byte: this takes two thirds of its time.
    return 2 * len(raw) - len(raw.replace(b"{", b"")) - len(raw.replace(b"[", b""))


def _walk(raw: bytes) -> Rejection | None:
    try:
        root = _ANY.decode(raw)
    except DECODE_ERRORS as error:
        return rejection_of(error, raw)
    pending: list[tuple[Any, str, int]] = [(root, "", 1)]
    while pending:
        value, pointer, depth = pending.pop()
        fault = _fault(value, pointer, depth)
        if fault is not None:
            return fault
        if isinstance(value, dict):
            for key, member in value.items():
                if (fault := _fault(key, pointer, 0)) is not None:
                    return fault
                pending.append((member, f"{pointer}/{escape(key)}", depth + 1))
        elif isinstance(value, list):
            pending.extend((member, f"{pointer}/{index}", depth + 1) for index, member in enumerate(value))
    return None


def _fault(value: object, pointer: str, depth: int) -> Rejection | None:
    match value:
        case str():
            return _text_fault(value, pointer)
        case dict() | list() if depth > NESTING_MAX:
            return Rejection("too_deep", pointer, f"Over {NESTING_MAX} levels")
        case dict() if len(value) > PROPERTIES_KEYS_MAX:
            return Rejection("too_many_keys", pointer, f"{len(value)} keys")
        case bool() | None:
            return None
        case int() | float() if not _finite(value):
            return Rejection("invalid_number", pointer, CODES["invalid_number"][0])
    return None


def _text_fault(value: str, pointer: str) -> Rejection | None:
    if "\0" in value:
        return Rejection("invalid_string", pointer, "A NUL character")
    if len(value) > STRING_CHARS_MAX:
        return Rejection("string_too_long", pointer, f"Over {STRING_CHARS_MAX} characters")
    return None


def _finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False
