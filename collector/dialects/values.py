"""Reading foreign values: each is taken out of its object when it is understood, so that what remains is what was not.

What a decoder leaves behind ends under `properties.$dialect`. Pure.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from collector import bounds
from collector.envelope import rejection_of
from collector.pixel_event import pairs_of
from collector.salvage import split
from schemas.decoding import DECODE_ERRORS
from schemas.rejection import CODES, Rejection

Object = dict[str, Any]
DIALECT: Final = "$dialect"
_decode_any: Final = msgspec.json.Decoder(Any).decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_entries: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read(raw: bytes) -> Any:
    """The value of this JSON, or a `Rejection`: over a limit, not JSON, or not storable."""
    try:
        value = _decode_any(raw)
    except DECODE_ERRORS as error:
        return rejection_of(error, raw)
    if len(raw) > 512 and (fault := bounds.over_limit(raw)) is not None:
        return fault
    if bounds.suspect(raw) and (fault := bounds.unstorable(raw)) is not None:
        return fault
    return value


def read_object(raw: bytes) -> Object | Rejection:
    """The object of this JSON, or a `Rejection`."""
    value = read(raw)
    if isinstance(value, dict | Rejection):
        return value
    return Rejection("not_an_object", "", CODES["not_an_object"][0])


class Envelope(msgspec.Struct, frozen=True):
    """A batch: its entries as sent, the members around them; `fault` where it can't be read at all."""

    entries: list[bytes] = []
    rest: Object = {}
    fault: Rejection | None = None


def envelope(body: bytes, name: str) -> Envelope:
    """The entries of the list `name`, so that one bad entry does not take the others. A single object is one entry.

    A body that is no valid JSON is split by its brackets where that can be done."""
    try:
        members = _members(body)
        if name not in members:
            return Envelope([body])
        entries = _entries(members.pop(name))
        rest = {key: read(bytes(value)) for key, value in members.items()}
    except DECODE_ERRORS as error:
        return _salvaged(body, name, rejection_of(error, body))
    return Envelope(
        [bytes(entry) for entry in entries], {k: v for k, v in rest.items() if not isinstance(v, Rejection)}
    )


def _salvaged(body: bytes, name: str, fault: Rejection) -> Envelope:
    parts = split(body, name)
    if parts is None:
        return Envelope(fault=fault)
    rest = read(parts.rest)
    return Envelope(parts.events, rest if isinstance(rest, dict) else {})


def text(value: object) -> str | None:
    """A text, or a number as text; None for anything else and for blanks."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def number(value: object) -> float | None:
    """A finite number, also of a text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int | None:
    """An integer, also of a text; None for what is none or over 64 bits."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 1 << 62 else None


def take(source: Object, *names: str) -> Any:
    """The first of these members that says something, whatever its type; it is taken out. Ids go this way: a wrong
    type must be refused later, not lost. The blank ones (null, "") are taken out too."""
    found = None
    for name in names:
        value = source.get(name)
        if value is None or value == "":
            source.pop(name, None)
        elif found is None:
            found = source.pop(name)
    return found


def take_text(source: Object, *names: str) -> str | None:
    """The first of these members that is a text (or number), taken out."""
    for name in names:
        if (found := text(source.get(name))) is not None:
            del source[name]
            return found
    return None


def take_object(source: Object, name: str) -> Object:
    """The object under this name, taken out; an empty one where there is none."""
    value = source.get(name)
    if isinstance(value, dict):
        del source[name]
        return value
    return {}


def put_back(source: Object, name: str, rest: Object) -> None:
    """What remained of an object that was taken."""
    if rest:
        source[name] = rest


def drop(source: Object, *names: str) -> None:
    """Transport: keys and the like, which are not stored."""
    for name in names:
        source.pop(name, None)


def compact(source: Mapping[str, Any]) -> Object:
    """Without what says nothing (None, "", {}, [])."""
    return {key: value for key, value in source.items() if value is not None and value not in ("", {}, [])}


def pruned(value: Any) -> Any:
    """Objects without members that say nothing, three levels down."""
    return _pruned(value, 3)


def _pruned(value: Any, levels: int) -> Any:
    if not isinstance(value, dict) or not levels:
        return value
    return compact({key: _pruned(member, levels - 1) for key, member in value.items()})


def finish(event: Object, properties: Any, rest: Object) -> Object:
    """The event with its properties, and what was not understood under `properties.$dialect`."""
    rest = pruned(rest)
    if isinstance(properties, dict):
        if rest:
            if DIALECT in properties:
                rest = {**rest, "properties": {DIALECT: properties[DIALECT]}}
            properties = {**properties, DIALECT: rest}
    elif properties is None:
        properties = {DIALECT: rest} if rest else None
    elif rest:  # properties that are no object are refused later, as they were sent
        event = {**event, DIALECT: rest}
    return compact({**event, "context": compact(event.get("context") or {}), "properties": properties})


def unbase64(value: str) -> bytes | None:
    """Either alphabet, with or without padding."""
    compacted = value.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(compacted + "=" * (-len(compacted) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def pairs(query: bytes) -> dict[str, str]:
    """The parameters of a query string or form body; the last of one name wins."""
    return dict(pairs_of(query))
