"""The query of a pixel as an event's JSON: a table of names, nothing else. Pure."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import fast_query_parsers
import msgspec

from schemas.clicks import CLICK_IDS

Path = tuple[str, ...]
Pairs = Iterable[tuple[str, str]]

# Kept beside the click ids, which they come with; none of them names a click.
COMPANIONS: Final = ("gclsrc", "gad_source", "gad_campaignid", "irgwc", "ranMID", "_hsmi", "oppref")

# parameter -> where it goes in the event. A parameter that is not here stays a field of the event, under its own name.
PARAMETERS: Final[dict[str, Path]] = {
    **{name: ("context", name) for name in ("url", "referrer", "title", "language", "timezone", "screen")},
    "ref": ("context", "referrer"),
    "utm_source": ("context", "campaign", "source"),
    "utm_medium": ("context", "campaign", "medium"),
    "utm_campaign": ("context", "campaign", "name"),
    "utm_content": ("context", "campaign", "content"),
    "utm_term": ("context", "campaign", "term"),
    "consent": ("context", "consent"),
    **{name: ("context", "click_ids", name) for name in (*CLICK_IDS, *COMPANIONS)},
    **{
        name: ("touch", name)
        for name in ("kind", "channel", "source", "medium", "campaign", "content", "term", "creative", "cost")
    },
    "value": ("order", "value"),
    "currency": ("order", "currency"),
    "order_id": ("order", "id"),
}
KEYS: Final = frozenset({"write_key", "k"})
NUMBERS: Final = frozenset({"value", "cost", "seq"})
TIMES: Final = frozenset({"created_at", "sent_at"})
_TYPED: Final = NUMBERS | TIMES | {"consent"}
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
# `+` is a space in a query, and a zone's sign that nobody escaped is one, too.
_ZONE: Final = re.compile(r" (?=\d\d(?::?\d\d)?$)")
# Prefixes: `p.color=red` is a property, `id.crm_id=7` an identifier.
PREFIXES: Final = {"p": "properties", "id": "identifiers"}
DEFAULT_TYPE: Final = "page"


def pairs_of(query: bytes) -> Pairs:
    """The parameters in order; the last of one name wins later on."""
    pairs: list[tuple[str, str]] = fast_query_parsers.parse_query_string(query, "&")
    if _given_up(query, pairs) or (b"%" in query and any("=" in name for name, _ in pairs)):
        return _slow_pairs(query)
    return pairs


def _given_up(query: bytes, pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether the fast parser met bytes that are no UTF-8. (Where they were escaped, an `=` stands in a name.)"""
    return not pairs and query != b""


def _slow_pairs(query: bytes) -> Pairs:
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="replace")


encode: Final = msgspec.json.Encoder().encode

Object = dict[str, Any]


# Where a parameter goes: the object (an index into `_PLACES`), its name there, whether its text may stand for something else. (No
# named tuple: taking one apart takes twice as long.)
_Rule = tuple[int, str, bool]
# The objects that parameters go into, the event itself first. A path's beginning stands before it.
_PLACES: Final[tuple[Path, ...]] = (
    (), ("context",), ("context", "campaign"), ("context", "click_ids"), ("touch",), ("order",), ("properties",), ("identifiers",),
)  # fmt: skip
_NONE: Final = (None,) * (len(_PLACES) - 1)
_RULES: Final[dict[str, _Rule]] = {
    name: (_PLACES.index(path[:-1]), path[-1], name in _TYPED) for name, path in PARAMETERS.items()
}
_RULES.update({name: (0, name, name in _TYPED) for name in ("type", "name", "visitor_id", "event_id", *TIMES)})


def event_of(query: bytes, referrer: str) -> Object:
    """The event that a pixel's query says. `referrer` (the page that holds the image) is its URL when it names none."""
    pairs: list[tuple[str, str]] = fast_query_parsers.parse_query_string(query, "&")
    event: Object = {"type": DEFAULT_TYPE}
    if _given_up(query, pairs) or not _fill(event, pairs, query.find(b"%") >= 0):
        event = {"type": DEFAULT_TYPE}
        _fill(event, _slow_pairs(query), False)
    if referrer and "url" not in event.get("context", {}):
        event.setdefault("context", {})["url"] = referrer
    return event


def _fill(event: Object, pairs: Pairs, escaped: bool) -> bool:
    """Puts each parameter in its place, of one name the last; False where the fast parser gave up (an `=` in a name:
    `escaped` bytes that are no UTF-8)."""
    objects: list[Object | None] = [event, *_NONE]
    rules = _RULES
    for name, value in pairs:
        rule = rules.get(name)
        if rule is None:
            if escaped and "=" in name:
                return False
            if name in KEYS:
                continue
            rule = _rule(name)
        if not value and name != "type":
            continue
        place, member, typed = rule
        found = objects[place]
        if found is None:
            found = objects[place] = _place(event, _PLACES[place])
        found[member] = _typed(name, value) if typed else value
    return True


def _place(event: Object, path: Path) -> Object:
    for part in path:
        event = event.setdefault(part, {})
    return event


@lru_cache(512)
def _rule(name: str) -> _Rule:
    prefix, dot, rest = name.partition(".")
    if dot and rest and prefix in PREFIXES:
        return _PLACES.index((PREFIXES[prefix],)), rest, False
    # `context=…` and the like would stand where an object belongs: they are properties of that name.
    return _PLACES.index(("properties",)) if name in _OBJECTS else 0, name, name in NUMBERS


_OBJECTS: Final = frozenset({"context", "touch", "order", "properties", "identifiers", "events"})


def _typed(name: str, value: str) -> str | int | float | Object:
    if name in NUMBERS:
        try:
            number = int(value) if name == "seq" else float(value)
        except ValueError:
            return value
        return number if math.isfinite(number) else value
    if name in TIMES:
        if value.isascii() and value.isdigit() and len(value) != 8:
            return int(value[:20])
        return _ZONE.sub("+", value, count=1) if "T" in value else value
    if value[0] == "{":  # a consent that is an object, as JSON
        with contextlib.suppress(msgspec.MsgspecError):
            return _decode(value)
    return value
