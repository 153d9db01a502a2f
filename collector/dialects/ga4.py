"""GA4's Measurement Protocol: a client, and up to 25 events with parameters. Its debug endpoint judges and stores nothing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

import msgspec

from collector.answers import Answer
from collector.dialects import answers, commerce
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.values import (
    Object,
    compact,
    drop,
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

PATH: Final = "/mp/collect"
DEBUG_PATH: Final = "/debug/mp/collect"
_PAGES: Final = {"page_view": "page", "screen_view": "screen"}

FIELDS: Final = Fields(
    mapped={
        "client_id": "visitor_id",
        "app_instance_id": "visitor_id",
        "user_id": "user_id",
        "timestamp_micros": "created_at",
        "user_agent": "context.user_agent",
        "ip_override": "context.ip (believed with the secret key)",
        "consent.*": "context.consent",
        "user_data.*": "email, phone (hashed or not)",
        "events[].name": "name (page_view and screen_view: type)",
        "events[].timestamp_micros": "created_at",
        "events[].params.page_location": "context.url",
        "events[].params.page_referrer": "context.referrer",
        "events[].params.page_title": "context.title",
        "events[].params.language": "context.language",
        "events[].params.screen_resolution": "context.screen",
        "events[].params.session_id": "session_id",
        "events[].params.user_id": "user_id",
        "events[].params.transaction_id": "order.id of a purchase or refund",
        "events[].params.value": "order.value of a purchase or refund",
        "events[].params.currency": "order.currency of a purchase or refund",
        "events[].params.items[].*": "order.items of a purchase or refund",
        "events[].params.*": "properties.*",
    },
    kept=("user_properties.*", "user_location.*", "device.*", "non_personalized_ads", "validation_behavior"),
    transport={"?measurement_id": "the site", "?firebase_app_id": "the site", "?api_secret": "the secret key"},
)


def decode(request: Request) -> Decoded:
    """`api_secret` that is our secret key makes a server of the sender; else the measurement id names the site."""
    query = pairs(request.query)
    keys = tuple(query[name] for name in ("api_secret", "measurement_id", "firebase_app_id") if query.get(name))
    dry = request.path == DEBUG_PATH
    parts = envelope(request.body, "events")
    if parts.fault is not None:
        return Decoded(refused=[Refused(request.body, parts.fault)], keys=keys, broken=True, dry=dry)
    if not parts.rest and len(parts.entries) == 1:
        rejection = read_object(parts.entries[0])
        fault = rejection if isinstance(rejection, Rejection) else Rejection("empty_batch", "/events", "no `events`")
        return Decoded(refused=[Refused(request.body, fault)], keys=keys, broken=True, dry=dry)
    items: list[Item] = []
    refused: list[Refused] = []
    for raw in parts.entries:
        told = read_object(raw)
        if isinstance(told, Rejection):
            refused.append(Refused(_alone(parts.rest, raw), _below(told)))
        else:
            items.append(Item(event_of(told, deepcopy(parts.rest))))
    return Decoded(items, refused, keys, dry=dry)


def _alone(shared: Object, entry: bytes) -> bytes:
    """A body with this entry only: it says nothing of its person without what it shares."""
    head = msgspec.json.encode(shared)[:-1]
    return head + (b"," if shared else b"") + b'"events":[' + entry + b"]}"


def _below(rejection: Rejection) -> Rejection:
    return msgspec.structs.replace(rejection, pointer=f"/events/0{rejection.pointer}")


def event_of(told: Object, shared: Object) -> Object:
    """The canonical event of one entry and what it shares with its batch."""
    name = take_text(told, "name")
    params = told.pop("params", None)
    parameters = dict(params) if isinstance(params, dict) else {}
    event: Object = {
        "type": _PAGES.get(name or "", commerce.kind_of(name)),
        "name": None if name in _PAGES else name,
        "visitor_id": take(shared, "client_id", "app_instance_id"),
        "user_id": take(shared, "user_id") or text(parameters.pop("user_id", None)),
        "session_id": take_text(parameters, "session_id"),
        "created_at": _time(told) or _time(shared),
        "context": _take_context(shared, parameters, name),
    }
    event |= _take_user_data(shared)
    event["order"] = commerce.take_order(name, parameters)
    drop(shared, "timestamp_micros")
    if params is not None and not isinstance(params, dict):
        told["params"] = params
    return finish(event, parameters or None, {**shared, **told})


def _time(source: Object) -> int | None:
    micros = whole(source.get("timestamp_micros"))
    if micros is None:
        return None
    del source["timestamp_micros"]
    return micros // 1000


def _take_context(shared: Object, parameters: Object, name: str | None) -> Object:
    found: Object = {
        "url": take_text(parameters, "page_location"),
        "referrer": take_text(parameters, "page_referrer"),
        "title": take_text(parameters, "page_title"),
        "language": take_text(parameters, "language"),
        "screen": take_text(parameters, "screen_resolution"),
        "user_agent": take_text(shared, "user_agent"),
        "ip": take_text(shared, "ip_override"),
        "consent": take(shared, "consent"),
    }
    if name == "campaign_details":
        names = {"source": "source", "medium": "medium", "name": "campaign", "term": "term", "content": "content"}
        found["campaign"] = compact({ours: take_text(parameters, theirs) for ours, theirs in names.items()})
    return compact(found)


def _take_user_data(shared: Object) -> Object:
    """E-mail and phone, hashed (SHA-256 hex) or plain, single or in a list: the first of each."""
    told = take_object(shared, "user_data")
    found = {
        "email": _first(told, "sha256_email_address") or _first(told, "email"),
        "phone": _first(told, "sha256_phone_number") or _first(told, "phone_number"),
    }
    put_back(shared, "user_data", told)
    return found


def _first(told: Object, name: str) -> str | None:
    value: Any = told.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    found = text(value)
    if found is not None:
        del told[name]
    return found


def answer(request: Request, outcome: Outcome) -> Answer:
    """204 and nothing; the debug endpoint lists what is wrong."""
    if request.path != DEBUG_PATH:
        return Answer(204)
    messages = [
        {
            "fieldPath": why.pointer.lstrip("/").replace("/", "."),
            "description": why.message,
            "validationCode": why.code.upper(),
        }
        for why in outcome.rejected
    ]
    return answers.json({"validationMessages": messages})


DIALECT: Final = Dialect(
    name="ga4",
    clients="GA4 Measurement Protocol senders",
    paths=frozenset({PATH, DEBUG_PATH}),
    decode=decode,
    answer=answer,
    fields=FIELDS,
)
