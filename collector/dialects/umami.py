"""Umami's `/api/send`: an event or an identification of a website, without ids of its own. Pure."""

from __future__ import annotations

from typing import Final

from collector.answers import Answer
from collector.dialects import answers, commerce
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.values import (
    Object,
    compact,
    drop,
    finish,
    put_back,
    read_object,
    take,
    take_object,
    take_text,
    whole,
)
from schemas.rejection import CODES, Rejection

PATH: Final = "/api/send"

FIELDS: Final = Fields(
    mapped={
        "type": "type",
        "payload.website": "the site",
        "payload.name": "name",
        "payload.id": "user_id",
        "payload.url": "context.url",
        "payload.hostname": "context.url where that is a path",
        "payload.referrer": "context.referrer",
        "payload.title": "context.title",
        "payload.language": "context.language",
        "payload.screen": "context.screen",
        "payload.ip": "context.ip (believed with the secret key)",
        "payload.userAgent": "context.user_agent",
        "payload.timestamp": "created_at",
        "payload.data.email": "email",
        "payload.data.phone": "phone",
        "payload.data.*": "properties.*",
    },
    kept=("payload.tag", "payload.os", "payload.browser", "payload.device", "payload.link", "payload.pixel"),
    transport={"cache": "a token of another server"},
)


def decode(request: Request) -> Decoded:
    """One event."""
    told = read_object(request.body)
    if isinstance(told, Rejection):
        return Decoded(refused=[Refused(request.body, told)], broken=True)
    payload = take_object(told, "payload")
    website = take_text(payload, "website", "link", "pixel") or ""
    event = event_of(told, payload)
    keys = (website,) if website else ()
    if isinstance(event, Rejection):
        return Decoded(refused=[Refused(request.body, event)], keys=keys, broken=True)
    return Decoded([Item(event)], keys=keys)


def event_of(told: Object, payload: Object) -> Object | Rejection:
    """The canonical event."""
    kind = take_text(told, "type")
    if kind is None:
        return Rejection("missing_type", "/type", CODES["missing_type"][0])
    name = take_text(payload, "name")
    data = take_object(payload, "data")
    event: Object = {
        "type": "identify"
        if kind == "identify"
        else "page"
        if kind == "event" and name is None
        else commerce.kind_of(name),
        "name": name if kind != "event" or name is not None else None,
        "user_id": take(payload, "id"),
        "email": take_text(data, "email"),
        "phone": take_text(data, "phone"),
        "context": _take_context(payload),
    }
    if kind not in ("event", "identify"):
        event["name"] = name or kind
    if (seconds := whole(payload.get("timestamp"))) is not None:
        del payload["timestamp"]
        event["created_at"] = seconds * 1000 if seconds < 10**11 else seconds
    event["order"] = commerce.take_order(name, data)
    drop(told, "cache")
    put_back(told, "payload", payload)
    return finish(event, data or None, told)


def _take_context(payload: Object) -> Object:
    names = (
        ("referrer", "referrer"), ("title", "title"), ("language", "language"), ("screen", "screen"), ("ip", "ip"),
        ("user_agent", "userAgent"),
    )  # fmt: skip
    found = {ours: take_text(payload, theirs) for ours, theirs in names}
    host, url = take_text(payload, "hostname"), take_text(payload, "url")
    found["url"] = f"https://{host}{url}" if url is not None and host is not None and url.startswith("/") else url
    return compact(found)


def answer(request: Request, outcome: Outcome) -> Answer:  # noqa: ARG001
    """JSON; `disabled` would switch the page's tracker off."""
    return answers.json({"ok": True})


DIALECT: Final = Dialect(
    name="umami",
    clients="Umami's script, @umami/node, umami-analytics (Python)",
    paths=frozenset({PATH}),
    decode=decode,
    answer=answer,
    fields=FIELDS,
    cookieless=True,
)
