"""What GA4 sends from pages (`/g/collect`): shared parameters in the query, the event beside them or one a line in the body. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from collector.answers import Answer
from collector.dialects import commerce
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.values import Object, compact, drop, finish, number, pairs, take_text
from schemas.rejection import CODES, Rejection

PATH: Final = "/g/collect"
_PAGES: Final = {"page_view": "page", "screen_view": "screen"}
_LINE: Final = re.compile(r"pr\d{1,3}")
_FREE: Final = re.compile(r"k(\d)(.+)", re.DOTALL)
# The two letters before a value in `pr1=idSKU-1~nmSocks~pr15~qt2`.
_PARTS: Final = {
    "id": "item_id", "nm": "item_name", "pr": "price", "qt": "quantity", "br": "item_brand", "ca": "item_category", "va": "item_variant",
    "cp": "coupon", "ln": "item_list_name", "li": "item_list_id", "lp": "index", "ds": "discount", "af": "affiliation",
}  # fmt: skip

FIELDS: Final = Fields(
    mapped={
        "cid": "visitor_id",
        "uid": "user_id",
        "sid": "session_id",
        "en": "name (page_view and screen_view: type)",
        "dl": "context.url",
        "dr": "context.referrer",
        "dt": "context.title",
        "ul": "context.language",
        "sr": "context.screen",
        "cu": "order.currency of a purchase or refund, else properties.currency",
        "ep.transaction_id": "order.id of a purchase or refund",
        "epn.value": "order.value of a purchase or refund",
        "ep.*": "properties.*",
        "epn.*": "properties.* (numbers)",
        "pr*": "order.items of a purchase or refund, else properties.items",
    },
    kept=("up.*", "upn.*", "sct", "seg", "_s", "_p", "_et", "_ee", "_fv", "_ss", "_nsi", "_dbg", "gcs", "gcd", "gtm", "npa", "dma",
          "pscdl", "frm", "are", "uaa", "uab", "uafvl", "uam", "uamb", "uap", "uapv", "uaw", "tfd", "_gid", "_z", "_eu", "_prs", "tag_exp"),
    transport={"tid": "the site", "v": "always 2"},
)  # fmt: skip


def decode(request: Request) -> Decoded:
    """The events of one request; its measurement id names the site."""
    shared: dict[str, str] = pairs(request.query)
    key = shared.get("tid", "")
    keys = (key,) if key else ()
    lines = [line for line in request.body.splitlines() if line.strip()] or [b""]
    items: list[Item] = []
    refused: list[Refused] = []
    for line in lines:
        parameters: Object = {**shared, **pairs(line)}
        if parameters.get("en"):
            items.append(Item(event_of(parameters)))
        else:
            fault = Rejection("missing_type", "/en", CODES["missing_type"][0])
            refused.append(Refused(b"&".join(part for part in (request.query, line) if part), fault))
    return Decoded(items, refused, keys, broken=not items)


def event_of(parameters: Object) -> Object:
    """The canonical event of one set of parameters."""
    drop(parameters, *FIELDS.transport)
    name = take_text(parameters, "en")
    context = {
        ours: take_text(parameters, theirs)
        for ours, theirs in (("url", "dl"), ("referrer", "dr"), ("title", "dt"), ("language", "ul"), ("screen", "sr"))
    }
    event: Object = {
        "type": _PAGES.get(name or "", commerce.kind_of(name)),
        "name": None if name in _PAGES else name,
        "visitor_id": take_text(parameters, "cid"),
        "user_id": take_text(parameters, "uid"),
        "session_id": take_text(parameters, "sid"),
        "context": compact(context),
    }
    properties = _take_properties(parameters)
    event["order"] = commerce.take_order(name, properties)
    return finish(event, properties or None, parameters)


def _take_properties(parameters: Object) -> Object:
    """`ep.` texts, `epn.` numbers, the currency, the lines of an order."""
    found: Object = {}
    lines: list[tuple[int, Object]] = []
    for name in list(parameters):
        kind, dot, rest = name.partition(".")
        if dot and rest and kind == "ep":
            found[rest] = parameters.pop(name)
        elif dot and rest and kind == "epn":
            value = parameters.pop(name)
            amount = number(value)
            found[rest] = value if amount is None else amount
        elif _LINE.fullmatch(name):
            lines.append((int(name[2:]), _line(parameters.pop(name))))
    if (currency := take_text(parameters, "cu")) is not None:
        found.setdefault("currency", currency)
    if lines:
        found["items"] = [line for _, line in sorted(lines, key=lambda one: one[0])]
    return found


def _line(value: str) -> Object:
    """`idSKU-1~nmSocks~pr15~k0size~v0XL`: a free part is a name under `k0` and its value under `v0`."""
    line: Object = {}
    names: dict[str, str] = {}
    for part in value.split("~"):
        free = _FREE.fullmatch(part)
        if part[:2] in _PARTS:
            line[_PARTS[part[:2]]] = _amount(part[2:]) if part[:2] in ("pr", "qt", "ds") else part[2:]
        elif free is not None:
            names[free[1]] = free[2]
        elif part[:1] == "v" and part[1:2] in names:
            line[names[part[1:2]]] = part[2:]
        elif part:
            line[part[:2]] = part[2:]
    return line


def _amount(value: str) -> Any:
    amount = number(value)
    return value if amount is None else amount


def answer(request: Request, outcome: Outcome) -> Answer:  # noqa: ARG001
    """204 and nothing, as Google's."""
    return Answer(204)


DIALECT: Final = Dialect(
    name="ga4_browser",
    clients="GA4 from pages: gtag-like clients whose endpoint can be set, and tags that pass their requests on",
    paths=frozenset({PATH}),
    decode=decode,
    answer=answer,
    fields=FIELDS,
    retry_window_s=60,  # `_s` counts the hits of a session: what is equal is one
)
