"""Plausible's events: small JSON without any id. Pure."""

from __future__ import annotations

from typing import Any, Final

from collector.answers import Answer
from collector.dialects import answers, commerce
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.values import Object, compact, finish, number, read, read_object, take_object, take_text, text
from schemas.rejection import Rejection

PATH: Final = "/api/event"

FIELDS: Final = Fields(
    mapped={
        "n": "type and name",
        "name": "type and name",
        "d": "the site",
        "domain": "the site",
        "u": "context.url",
        "url": "context.url",
        "r": "context.referrer",
        "referrer": "context.referrer",
        "p": "properties.* (its JSON, of the older script)",
        "p.*": "properties.*",
        "props.*": "properties.*",
        "p.order_id": "order.id where there is revenue",
        "m.*": "properties.*",
        "meta.*": "properties.*",
        "$.amount": "order.value",
        "$.currency": "order.currency",
        "revenue.amount": "order.value",
        "revenue.currency": "order.currency",
        "w": "context.screen",
        "screen_width": "context.screen",
        "sd": "properties.scroll_depth of an engagement",
        "e": "properties.engaged_ms of an engagement",
    },
    kept=("v", "h", "hash_mode", "i", "interactive"),
)


def decode(request: Request) -> Decoded:
    """One event; for several domains (`d: "a,b"`) one of each."""
    told = read_object(request.body)
    if isinstance(told, Rejection):
        return Decoded(refused=[Refused(request.body, told)], broken=True)
    domains = [name.strip() for name in (take_text(told, "d", "domain") or "").split(",") if name.strip()]
    event = event_of(told)
    return Decoded([Item(event, domain) for domain in domains[:10]] or [Item(event)], keys=tuple(domains[:10]))


def event_of(told: Object) -> Object:
    """The canonical event."""
    name = take_text(told, "n", "name")
    properties = {
        **_take_properties(told, "p"),
        **_take_properties(told, "props"),
        **_take_properties(told, "m"),
        **_take_properties(told, "meta"),
    }
    event: Object = {
        "type": "page" if name == "pageview" else commerce.kind_of(name),
        "name": None if name == "pageview" else name,
        "context": compact(
            {
                "url": take_text(told, "u", "url"),
                "referrer": take_text(told, "r", "referrer"),
                "screen": take_text(told, "w", "screen_width"),
            }
        ),
    }
    if name == "engagement":
        for ours, theirs in (("scroll_depth", "sd"), ("engaged_ms", "e")):
            if (value := number(told.get(theirs))) is not None:
                del told[theirs]
                properties[ours] = value
    event["order"] = _take_revenue(told, properties) or commerce.take_order(name, properties)
    if event["order"] and event["type"] == "track" and commerce.normal(name) not in commerce.ORDERS:
        event["type"] = "conversion"
    return finish(event, properties or None, told)


def _take_properties(told: Object, name: str) -> Object:
    """An object, or (older script) its JSON as a text."""
    value: Any = told.get(name)
    if isinstance(value, str) and value[:1] == "{":
        value = read(value.encode())
    if not isinstance(value, dict):
        return {}
    del told[name]
    return value


def _take_revenue(told: Object, properties: Object) -> Object | None:
    revenue = take_object(told, "$") or take_object(told, "revenue")
    value = number(revenue.get("amount"))
    if value is None:
        if revenue:
            told["$"] = revenue
        return None
    return compact({"id": text(properties.get("order_id")), "value": value, "currency": text(revenue.get("currency"))})


def answer(request: Request, outcome: Outcome) -> Answer:  # noqa: ARG001
    """Nothing is read."""
    return answers.plain(b"ok")


DIALECT: Final = Dialect(
    name="plausible",
    clients="Plausible's script, @plausible-analytics/tracker, plausible-tracker",
    paths=frozenset({PATH}),
    decode=decode,
    answer=answer,
    fields=FIELDS,
    cookieless=True,
)
