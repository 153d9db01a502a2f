"""Writes docs/events.md from the schema of an event: `python docs/generate_events.py`. A field without a line here is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from schemas.event import EVENT_TYPES, Campaign, Context, Event, Order, Touch

PAGE = Path(__file__).with_name("events.md")
HEAD = """# Events

What `POST /v1/events` takes, alone or in `{"events":[…]}`. This page is made by `python docs/generate_events.py` from
`schemas/event.py`; the same as JSON Schema is at `/v1/schema.json`.

Only `type` and one identifier (`visitor_id`, `user_id`, `email`, `phone` or one of `identifiers`) must be there; with a write key the
collector's cookie is one. All else may be left out, or `null`. Where a field has the wrong type, that event is [refused](rejections.md),
and no other.

A field that is not listed here is kept under `properties.$extra` (one of the order under `$extra.order`, one of the touch under
`$extra.touch`), one of the context under `properties.$context`. So is what a column can't hold: a second click id, an amount of 10¹⁴.

## Types

| `type` | what happened | what it is worth little without |
|---|---|---|
"""
ACTIVITY = """
All but `touch`, `alias` and `refund` belong to a visit of the visitor they name, or begin one. Events of other types are conversions or
refunds as well where [the rules](rules.md#conversions-and-refunds) say so: by default a `track` named `purchase`, `lead` or `signed up` is one.
"""
FIELDS = """
## Fields

| field | JSON | what it is |
|---|---|---|
"""
EXAMPLE_HEAD = """
## Examples

A purchase with all that a browser's event can say:

```json
"""
TOUCH_HEAD = """```

A call, sent by a server:

```json
"""

TYPES = {
    "page": ("a page was seen", "`context.url`"),
    "screen": ("a screen of an app was seen", "`name`"),
    "track": ("anything that has a name of its own", "`name`"),
    "identify": ("a log-in, a form: who this is", "two identifiers"),
    "alias": (
        "two accounts are one person",
        "`user_id`, the other one as `identifiers.user_id`, and the secret key ([why](identity.md#identifiers))",
    ),
    "group": ("somebody belongs to a company or household (kept; nothing is derived from it)", "`properties.group_id`"),
    "touch": ("a touchpoint that is no visit: a call, a chat, a mail opened", "`touch`"),
    "conversion": (
        "a sale, a lead, a subscription",
        "`name` (else it is `purchase` with an order id, `conversion` without), `order`",
    ),
    "refund": ("a conversion is taken back: `order.value` of it, without a value all", "`order.id`"),
}
MEANINGS = {
    "type": "one of the above",
    "event_id": "your id of it: what one visitor (else account, …) sends again with it counts once; without one each sending counts",
    "name": "what happened, or the screen's or the conversion's name",
    "visitor_id": "the browser or device; else the collector's cookie says it; one that names nobody gets a new one at each sending (write keys)",
    "user_id": "the account",
    "email": "kept as SHA-256 of its normal form; may be that hash already",
    "phone": "the same; a national number is one of the site's country (`netiv sites add --phone-region`; Israel unless told)",
    "identifiers": "further ones, `{type: value}`: `crm_id`, `loyalty_id`, `device_id`, `idfa`, … or your own ([ranks](identity.md#identifiers))",
    "session_id": "your name of the visit; with the secret key a touch or conversion finds the visit by it",
    "created_at": "when it happened, ISO 8601 or epoch milliseconds ([which clock counts](http.md#times))",
    "sent_at": "when it was sent, by the same clock; may stand beside `events` instead",
    "seq": "the sender's count of its visitor's events: which one is missing",
    "properties": "anything, kept as JSON; `order_id`, `value` (or `revenue`, `total`) and `currency` stand in for what `order` lacks",
    "context": "where it happened",
    "context.url": "the page's address; UTM tags and click ids are read from it",
    "context.referrer": "the address it was reached from",
    "context.title": "the page's title",
    "context.user_agent": "of the person, believed with the secret key only; with a write key the request's own counts",
    "context.ip": "the same; it is cut before it is stored, and tells the country",
    "context.language": "`he-IL`; else the request's `Accept-Language`",
    "context.timezone": "IANA name, `Asia/Jerusalem`",
    "context.screen": "`1920x1080`",
    "context.campaign": "where the visit says it comes from; each field goes before the address's tag",
    "context.campaign.source": "`utm_source`",
    "context.campaign.medium": "`utm_medium`",
    "context.campaign.name": "`utm_campaign`",
    "context.campaign.content": "`utm_content`",
    "context.campaign.term": "`utm_term`",
    "context.click_ids": "`{name: value}`, names as [the pixel](http.md#the-pixel) lists them; goes before the address's",
    "context.consent": 'what the visitor agreed to; with `"denied"` or `false`, alone or as its `analytics`, no cookie is set',
    "context.active": "`false`: nobody was there (an update in the background), so no visit begins or goes on",
    "touch": "of a `touch`: what it was. If it says where it came from, the page's tags don't count",
    "touch.kind": "`call`, `chat`, `message`, `open`, `click`, `impression`, `scan`, `store_visit`, `review`, …; else `interaction`",
    "touch.channel": "a channel that the [rules](rules.md) know, in any letter case; else they find one",
    "touch.source": "as `utm_source`",
    "touch.medium": "as `utm_medium`",
    "touch.campaign": "as `utm_campaign`",
    "touch.content": "as `utm_content`",
    "touch.term": "as `utm_term`",
    "touch.creative": "which advertisement or message",
    "touch.cost": "what it cost",
    "order": "of a `conversion` or `refund`: what was bought or given back",
    "order.id": "its number; reports with the same one are [one conversion](rules.md#one-order-one-conversion)",
    "order.value": "a number, not text; kept with four places",
    "order.currency": "ISO 4217; else that of the site (`netiv sites add --currency`), if it has one",
    "order.items": "kept under `properties.$items`",
}
PARTS = {"context": Context, "context.campaign": Campaign, "touch": Touch, "order": Order}
PURCHASE = {
    "type": "conversion", "event_id": "order-1001", "name": "purchase",
    "visitor_id": "v-1", "user_id": "dana", "email": "dana@shop.example", "phone": "+972501234567",
    "identifiers": {"crm_id": "4711"}, "session_id": "s-1",
    "created_at": "2026-11-01T10:00:00.000Z", "sent_at": "2026-11-01T10:00:02.500Z", "seq": 7,
    "properties": {"coupon": "SPRING"},
    "context": {
        "url": "https://shop.example/thanks", "referrer": "https://shop.example/cart", "title": "Thank you",
        "language": "he-IL", "timezone": "Asia/Jerusalem", "screen": "1920x1080",
        "campaign": {"source": "google", "medium": "cpc", "name": "spring", "content": "mug", "term": "clay mug"},
        "click_ids": {"gclid": "Cj0"}, "consent": {"analytics": True}, "active": True,
    },
    "order": {"id": "1001", "value": 249.9, "currency": "ILS", "items": [{"sku": "mug", "quantity": 2, "price": 124.95}]},
}  # fmt: skip
CALL = {
    "type": "touch", "event_id": "call-77", "phone": "050-1234567", "created_at": 1793527200000,
    "context": {"ip": "198.51.100.7", "user_agent": "Mozilla/5.0"},
    "touch": {
        "kind": "call", "channel": "Phone", "source": "call-centre", "medium": "phone", "campaign": "spring",
        "content": "offer-a", "term": "mugs", "creative": "script-2", "cost": 1.5,
    },
}  # fmt: skip
JSON_NAMES = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list", "object": "object"
}  # fmt: skip


def rows(part: type[msgspec.Struct], prefix: str = "") -> list[str]:
    """The table's lines of one object's fields, each followed by those of an object in it."""
    (reference,), components = msgspec.json.schema_components([part])
    properties = components[reference["$ref"].rpartition("/")[2]]["properties"]
    lines = []
    for name, schema in properties.items():
        path = prefix + name
        lines.append(f"| `{path}` | {json_of(schema)} | {MEANINGS[path]} |\n")
        if path in PARTS:
            lines += rows(PARTS[path], f"{path}.")
    return lines


def json_of(schema: dict[str, Any]) -> str:
    """What a field may be, in words; null is left out, since it is the same as nothing."""
    if "enum" in schema:
        return "text"
    kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    names = ["object" if "$ref" in one else JSON_NAMES.get(one.get("type", ""), "anything") for one in kinds]
    return " or ".join(name for name in names if not (name == "whole number" and "number" in names))


def page() -> str:
    """The page as it should be."""
    if set(TYPES) != EVENT_TYPES:
        raise ValueError("the types are not those of the schema")
    types = "".join(f"| `{name}` | {what} | {needs} |\n" for name, (what, needs) in TYPES.items())
    purchase, call = (f"{written(event)}\n" for event in (PURCHASE, CALL))
    return f"{HEAD}{types}{ACTIVITY}{FIELDS}{''.join(rows(Event))}{EXAMPLE_HEAD}{purchase}{TOUCH_HEAD}{call}```\n"


def written(event: dict[str, Any]) -> str:
    """An event as JSON, a line for each of its fields."""
    lines = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in event.items())
    return "{" + ",\n ".join(lines) + "}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
