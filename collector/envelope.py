"""A request's body, decoded once: one event, or a batch whose entries stay raw so that each is judged alone.

Turns the decoder's complaints into rejections with a JSON pointer. Knows no HTTP, no keys, no storage.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from schemas.decoding import DECODE_ERRORS
from schemas.event import Event, EventType, Identifier
from schemas.limits import NESTING_MAX
from schemas.rejection import CODES, Rejection


class AnyObject(msgspec.Struct, frozen=True, gc=False):
    """An object whose members nobody needs here: they are checked, not kept."""


class Sent(Event, frozen=True, omit_defaults=True, gc=False):
    """An event as the collector reads it."""

    properties: AnyObject | None = None  # type: ignore[assignment]
    write_key: Any = None  # of an event in a batch nobody needs it; it must not be stored


class Envelope(Sent, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A body: an event's own fields, or `events`. `sent_at` and `write_key` may stand beside either."""

    type: EventType | None = None  # type: ignore[assignment]
    events: list[msgspec.Raw] | None = None
    write_key: str | None = None


class _SentBatch(msgspec.Struct, frozen=True):
    """A batch all of whose events can be read."""

    events: list[Sent]


class _Outline(msgspec.Struct):
    """Only what tells a batch from an event, whatever the types."""

    events: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    write_key: Any = None


ENVELOPES: Final = msgspec.json.Decoder(Envelope)
SENT: Final = msgspec.json.Decoder(Sent)
_SENT_BATCHES: Final = msgspec.json.Decoder(_SentBatch)
OUTLINES: Final = msgspec.json.Decoder(_Outline)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRIES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_PLACE: Final = re.compile(r" - at `([^`]*)`$")
_PART: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
# Objects with free names: where the decoder can only say `[...]`, the member is found by trying each.
_FREE: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "/identifiers": msgspec.json.Decoder(Identifier | None),
    "/context/click_ids": msgspec.json.Decoder(Identifier | None),
}
_ANY: Final = msgspec.json.Decoder(Any)
# A high surrogate must be followed by a low one; a low one must follow a high one. The leading group eats `\\`.
_LONE: Final = re.compile(
    rb"(?:^|[^\\])(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
# One that nobody closes ends with the body: see salvage.py.
_STRINGS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_NOT_FINITE: Final = re.compile(rb"NaN|Infinity")


def events_of(body: bytes) -> list[Sent] | None:
    """The events of a batch, read at once; None where any can't be read, so that each must be looked at."""
    try:
        return _SENT_BATCHES.decode(body).events
    except DECODE_ERRORS:
        return None


def rejection_of(error: Exception, raw: bytes) -> Rejection:
    """Why `raw` was refused by a decoder: any of msgspec's errors, `UnicodeDecodeError` or `RecursionError`."""
    if isinstance(error, RecursionError):
        return Rejection("too_deep", "", CODES["too_deep"][0])
    if isinstance(error, UnicodeDecodeError):
        return Rejection("invalid_utf8", "", CODES["invalid_utf8"][0])
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        return _invalid(text, raw)
    return Rejection(_malformed(raw), "", text)


def _malformed(raw: bytes) -> str:
    if _LONE.search(raw):
        return "invalid_string"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "invalid_utf8"
    return "invalid_number" if _NOT_FINITE.search(_STRINGS.sub(b'""', raw)) else "invalid_json"


def _invalid(text: str, raw: bytes) -> Rejection:
    place = _PLACE.search(text)
    message = text[: place.start()] if place else text
    pointer = _pointer(place.group(1), raw) if place else ""
    if "out of range" in message or "too large" in message.lower():
        return Rejection("invalid_number", pointer, message)
    if message.endswith("missing required field `type`"):
        return Rejection("missing_type", "/type", message)
    if pointer == "/type":
        return Rejection("unknown_type" if message.startswith("Invalid enum") else "wrong_type", pointer, message)
    if not pointer:
        return Rejection("not_an_object", "", message)
    return Rejection("wrong_type", pointer, message)


def _pointer(path: str, raw: bytes) -> str:
    """`$.order.items[1]` as RFC 6901; a `[...]` is looked up, and where it can't be found it ends the pointer."""
    pointer = ""
    content: bytes | msgspec.Raw | None = raw
    for name, number, free in _PART.findall(path)[:NESTING_MAX]:  # what is deeper has another fault too
        part = _failing(content, _FREE.get(pointer, _ANY)) if free else number or name
        if part is None:
            break
        pointer += "/" + escape(part)
        content = _member(content, part)
    return pointer


def _failing(content: bytes | msgspec.Raw | None, decoder: msgspec.json.Decoder[Any]) -> str | None:
    """The name of the first member that this decoder refuses."""
    try:
        members = _MEMBERS.decode(content or b"")
    except DECODE_ERRORS:
        return None
    for name, value in members.items():
        try:
            decoder.decode(value)
        except DECODE_ERRORS:
            return name
    return None


def _member(content: bytes | msgspec.Raw | None, part: str) -> msgspec.Raw | None:
    """The member of an object, or the entry of a list."""
    try:
        if bytes(content or b"").lstrip()[:1] == b"[":
            return _ENTRIES.decode(content or b"")[int(part)]
        return _MEMBERS.decode(content or b"")[part]
    except (*DECODE_ERRORS, LookupError, ValueError):
        return None


def escape(name: str) -> str:
    """One part of a JSON pointer (RFC 6901 §3)."""
    return name.replace("~", "~0").replace("/", "~1")
