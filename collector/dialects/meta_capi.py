"""Bodies shaped like Meta's Conversions API: `{"data":[{event_name, event_time, user_data, custom_data, …}]}`. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from collector.answers import Answer
from collector.credentials import key_in_header
from collector.dialects import answers, commerce
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.values import (
    Object,
    compact,
    envelope,
    finish,
    pairs,
    put_back,
    read_object,
    take,
    take_object,
    take_text,
    text,
    whole,
)
from schemas.rejection import Rejection

_PATH: Final = re.compile(r"/v\d{1,3}\.\d{1,2}/([0-9A-Za-z_-]{1,64})/events/?")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")

FIELDS: Final = Fields(
    mapped={
        "event_name": "name (PageView: type)",
        "event_time": "created_at",
        "event_id": "event_id",
        "event_source_url": "context.url",
        "referrer_url": "context.referrer",
        "user_data.em": "email",
        "user_data.em[]": "email",
        "user_data.ph": "phone; a hash of digits as identifiers.phone_digits",
        "user_data.ph[]": "phone; a hash of digits as identifiers.phone_digits",
        "user_data.external_id": "user_id",
        "user_data.external_id[]": "user_id",
        "user_data.client_ip_address": "context.ip (believed with the secret key)",
        "user_data.client_user_agent": "context.user_agent",
        "user_data.fbc": "context.click_ids.fbclid",
        "user_data.fbp": "identifiers.fbp",
        "custom_data.order_id": "order.id of a purchase",
        "custom_data.value": "order.value of a purchase",
        "custom_data.currency": "order.currency of a purchase",
        "custom_data.contents": "order.items of a purchase",
        "custom_data.*": "properties.*",
    },
    kept=("action_source", "opt_out", "data_processing_options.*", "user_data.*", "app_data.*", "original_event_data.*", "attribution_data.*"),
    transport={"access_token": "the secret key", "?access_token": "the secret key", "test_event_code": "of Meta", "data": "the envelope"},
)  # fmt: skip


def matches(path: str) -> bool:
    """`/v21.0/PIXEL/events`."""
    return _PATH.fullmatch(path) is not None


def decode(request: Request) -> Decoded:
    """The access token is our secret key, or the pixel id an alias of a site."""
    parts = envelope(request.body, "data")
    found = _PATH.fullmatch(request.path)
    token = text(parts.rest.get("access_token")) or pairs(request.query).get("access_token") or ""
    authorization = request.headers.get(b"authorization")
    given = key_in_header(authorization) if authorization is not None else None
    keys = tuple(dict.fromkeys(key for key in (token, given, found.group(1) if found else "") if key))
    if parts.fault is not None:
        return Decoded(refused=[Refused(request.body, parts.fault)], keys=keys, broken=True)
    items: list[Item] = []
    refused: list[Refused] = []
    for raw in parts.entries:
        told = read_object(raw)
        if isinstance(told, Rejection):
            refused.append(Refused(raw, told))
        else:
            items.append(Item(event_of(told)))
    return Decoded(items, refused, keys)


def event_of(told: Object) -> Object:
    """The canonical event."""
    name = take_text(told, "event_name")
    person = take_object(told, "user_data")
    given = told.pop("custom_data", None)
    properties: Object = given if isinstance(given, dict) else {}
    click = take_text(person, "fbc")
    event: Object = {
        "type": "page" if name == "PageView" else commerce.kind_of(name),
        "name": None if name == "PageView" else name,
        "event_id": take(told, "event_id"),
        "user_id": _first(person, "external_id"),
        "email": _first(person, "em"),
        "created_at": _time(told),
        "identifiers": compact({"fbp": take_text(person, "fbp")}),
        "context": compact(
            {
                "url": take_text(told, "event_source_url"),
                "referrer": take_text(told, "referrer_url"),
                "ip": take_text(person, "client_ip_address"),
                "user_agent": take_text(person, "client_user_agent"),
                "click_ids": compact({"fbclid": click.split(".", 3)[-1] if click else None}),
            }
        ),
    }
    phone = _first(person, "ph")
    if phone is not None and _SHA256.fullmatch(
        phone
    ):  # of digits without `+`: another hash than that of our normal form
        event["identifiers"]["phone_digits"] = phone.lower()
    elif phone is not None:
        event["phone"] = phone
    event["order"] = commerce.take_order(name, properties)
    if given is not None and not isinstance(given, dict):
        told["custom_data"] = given
    put_back(told, "user_data", person)
    return finish(event, properties or None, told)


def _first(person: Object, name: str) -> str | None:
    value: Any = person.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    found = text(value)
    if found is not None:
        del person[name]
    return found


def _time(told: Object) -> int | None:
    seconds = whole(told.get("event_time"))
    if seconds is None:
        return None
    del told["event_time"]
    return seconds * 1000


def answer(request: Request, outcome: Outcome) -> Answer:  # noqa: ARG001
    """How many were received."""
    return answers.json({"events_received": outcome.accepted, "messages": [], "fbtrace_id": ""})


DIALECT: Final = Dialect(
    name="meta_capi",
    clients="senders of Meta's Conversions API",
    paths=frozenset(),
    decode=decode,
    answer=answer,
    fields=FIELDS,
    matches=matches,
)
