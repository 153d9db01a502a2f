"""The query of a pixel as an event's JSON: a table of names, nothing else. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

import fast_query_parsers
import msgspec

Path = tuple[str, ...]

CLICK_IDS: Final = (
    "gclid", "gclsrc", "gbraid", "wbraid", "gad_source", "gad_campaignid", "dclid", "srsltid", "fbclid",
    "igshid", "igsh", "msclkid", "ttclid", "twclid", "li_fat_id", "ScCid", "sccid", "epik", "rdt_cid", "qclid",
    "yclid", "ymclid", "obclid", "dicbo", "ob_click_id", "tblci", "bd_vid", "irclickid", "irclid", "irgwc",
    "cjevent", "awc", "sscid", "ranSiteID", "ranMID", "clickref", "mc_cid", "mc_eid", "_kx", "_hsenc", "_hsmi",
    "mkt_tok", "vero_id", "ko_click_id", "oppref",
)  # fmt: skip

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
    **{name: ("context", "click_ids", name) for name in CLICK_IDS},
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
_TYPED: Final = NUMBERS | TIMES
# Prefixes: `p.color=red` is a property, `id.crm_id=7` an identifier.
PREFIXES: Final = {"p": "properties", "id": "identifiers"}
DEFAULT_TYPE: Final = "page"


encode: Final = msgspec.json.Encoder().encode


def pairs_of(query: bytes) -> Iterable[tuple[str, str]]:
    """The parameters in order; the last of one name wins later on."""
    pairs: list[tuple[str, str]] = fast_query_parsers.parse_query_string(query, "&")
    if b"%" in query and any("=" in name for name, _ in pairs):  # bytes that are no UTF-8: the fast parser gives up
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="replace")
    return pairs


def event_of(query: bytes, referrer: str) -> dict[str, Any]:
    """The event that a pixel's query says. `referrer` (the page that holds the image) is its URL when it names none."""
    event: dict[str, Any] = {"type": DEFAULT_TYPE}
    for name, value in pairs_of(query):
        if (not value and name != "type") or name in KEYS:
            continue
        path = PARAMETERS.get(name) or _path(name)
        place = event
        for part in path[:-1]:
            place = place.setdefault(part, {})
        if isinstance(place, dict):
            place[path[-1]] = _typed(name, value) if name in _TYPED else value
    if referrer and "url" not in event.get("context", {}):
        event.setdefault("context", {})["url"] = referrer
    return event


def _path(name: str) -> Path:
    prefix, dot, rest = name.partition(".")
    if dot and rest and prefix in PREFIXES:
        return PREFIXES[prefix], rest
    # `context=…` and the like would stand where an object belongs: they are properties of that name.
    return ("properties", name) if name in _OBJECTS else (name,)


_OBJECTS: Final = frozenset({"context", "touch", "order", "properties", "identifiers", "events"})


def _typed(name: str, value: str) -> str | int | float:
    if name in NUMBERS:
        try:
            number = int(value) if name == "seq" else float(value)
        except ValueError:
            return value
        return number if math.isfinite(number) else value
    if name in TIMES and value.isascii() and value.isdigit() and len(value) != 8:
        return int(value[:20])
    return value
