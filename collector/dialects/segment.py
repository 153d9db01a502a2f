"""Segment's HTTP API and those who speak it: Segment, RudderStack and Jitsu, servers and browsers.

One message model (type, event, properties, traits, context, anonymousId, userId, messageId, timestamp, sentAt) in three
envelopes. Their settings documents are in `segment_stubs`.
"""

from __future__ import annotations

from typing import Final

from collector.answers import Answer
from collector.credentials import key_in_header
from collector.dialects import answers, commerce
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.segment_context import take_context
from collector.dialects.segment_stubs import stub
from collector.dialects.values import (
    Object,
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
    unbase64,
)
from schemas.rejection import CODES, Rejection

_SHORT: Final = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
_TYPES: Final = frozenset(_SHORT.values())
_BATCHES: Final = ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch")
_METRICS: Final = "/v1/m"
_JITSU: Final = "/api/s/"
_PIXEL: Final = "/v1/pixel/"
PATHS: Final = frozenset(
    {
        *_BATCHES,
        _METRICS,
        *(f"/v1/{name}" for name in (*_SHORT, *_TYPES)),
        *(f"{prefix}{name}" for prefix in (_JITSU, _JITSU + "s2s/") for name in (*_TYPES, "batch", "event")),
        *(f"{_PIXEL}{name}" for name in _TYPES),
    }
)

FIELDS: Final = Fields(
    mapped={
        "type": "type",
        "event": "name",
        "name": "name",
        "messageId": "event_id",
        "anonymousId": "visitor_id",
        "userId": "user_id",
        "previousId": "visitor_id, else identifiers.user_id",
        "groupId": "properties.group_id",
        "category": "properties.category",
        "timestamp": "created_at",
        "originalTimestamp": "created_at",
        "properties.*": "properties.*",
        "properties.url": "context.url of a page without context.page",
        "properties.referrer": "context.referrer of a page without context.page",
        "properties.title": "context.title of a page without context.page",
        "properties.products": "order.items of an order",
        "traits.email": "email",
        "traits.phone": "phone",
        "traits.*": "properties.*",
        "context.traits.email": "email",
        "context.traits.phone": "phone",
        "context.traits.*": "properties.* of an identify, else properties.$dialect.context.traits.*",
        "context.page.url": "context.url",
        "context.page.referrer": "context.referrer",
        "context.page.title": "context.title",
        "context.campaign.source": "context.campaign.source",
        "context.campaign.medium": "context.campaign.medium",
        "context.campaign.name": "context.campaign.name",
        "context.campaign.term": "context.campaign.term",
        "context.campaign.content": "context.campaign.content",
        "context.ip": "context.ip (believed with the secret key)",
        "context.userAgent": "context.user_agent",
        "context.locale": "context.language",
        "context.timezone": "context.timezone",
        "context.screen": "context.screen",
        "context.active": "context.active",
        "context.consent": "context.consent",
        "context.sessionId": "session_id",
        "context.externalIds": "identifiers",
    },
    kept=(
        "integrations.*",
        "_metadata.*",
        "channel",
        "version",
        "context.page.path",
        "context.page.search",
        "context.library.*",
        "context.userAgentData.*",
        "context.app.*",
        "context.device.*",
        "context.os.*",
        "context.network.*",
        "context.location.*",
        "context.referrer.*",
        "context.clientIds.*",
        "context.groupId",
        "context.sessionStart",
        "context.instanceId",
    ),
    transport={
        "writeKey": "the key",
        "sentAt": "sent_at of the event",
        "batch": "the envelope",
        "receivedAt": "of another collector",
    },
)


def decode(request: Request) -> Decoded:
    """Every path of the three envelopes."""
    query = pairs(request.query)
    if request.path.startswith(_PIXEL):
        return _decode_pixel(request, query)
    parts = envelope(request.body, "batch")
    keys = _keys(request, query, parts.rest)
    if request.path == _METRICS:
        return Decoded(keys=keys)
    if parts.fault is not None:
        return Decoded(refused=[Refused(request.body, parts.fault)], keys=keys, broken=True)
    kind = _kind_of(request.path)
    items: list[Item] = []
    refused: list[Refused] = []
    for raw in parts.entries:
        message = read_object(raw)
        if isinstance(message, dict) and not keys:
            keys = _written(message)
        event = message if isinstance(message, Rejection) else event_of(message, kind)
        if isinstance(event, Rejection):
            refused.append(Refused(raw, event))
        else:
            items.append(Item(event))
    broken = not items and request.path not in _BATCHES
    return Decoded(items, refused, keys, text(parts.rest.get("sentAt")), broken=broken)


def _kind_of(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return _SHORT.get(name, name if name in _TYPES else "")


def _keys(request: Request, query: dict[str, str], rest: Object) -> tuple[str, ...]:
    """`X-Write-Key: id:secret` (Jitsu), Basic, the query, the body; a secret beside the id is tried first."""
    found: list[str] = []
    given = request.headers.get(b"x-write-key", b"").decode("latin-1")
    if given:
        name, _, secret = given.partition(":")
        found += [secret, given, name]
    authorization = request.headers.get(b"authorization")
    if authorization is not None:
        found.append(key_in_header(authorization) or "")
    found += [query.get("writeKey", ""), query.get("write_key", ""), *_written(rest)]
    return tuple(dict.fromkeys(key for key in found if key and key != "***"))


def _written(message: Object) -> tuple[str, ...]:
    key = text(message.get("writeKey"))
    return (key, key.partition(":")[0]) if key else ()


def _decode_pixel(request: Request, query: dict[str, str]) -> Decoded:
    raw = unbase64(query.get("data", ""))
    message = read_object(raw) if raw is not None else Rejection("undecodable", "/data", "not base64")
    keys = _keys(request, query, message if isinstance(message, dict) else {})
    event = message if isinstance(message, Rejection) else event_of(message, _kind_of(request.path))
    if isinstance(event, Rejection):
        return Decoded(refused=[Refused(raw or request.query, event)], keys=keys, broken=True)
    return Decoded([Item(event)], keys=keys)


def event_of(message: Object, path_kind: str) -> Object | Rejection:
    """The canonical event of one message."""
    kind = message.pop("type", None) or path_kind
    if not kind:
        return Rejection("missing_type", "/type", CODES["missing_type"][0])
    if not isinstance(kind, str) or kind not in _TYPES:
        return Rejection("unknown_type", "/type", CODES["unknown_type"][0])
    drop(message, "writeKey", "batch", "receivedAt")
    properties = message.pop("properties", None)
    traits = take_object(message, "traits")
    context, rest = take_context(take_object(message, "context"), traits, kind)
    event: Object = {
        "type": kind,
        "event_id": take(message, "messageId"),
        "visitor_id": take(message, "anonymousId"),
        "user_id": take(message, "userId"),
        "created_at": take(message, "timestamp", "originalTimestamp"),
        "sent_at": take(message, "sentAt"),
        "email": context.pop("email", None),
        "phone": context.pop("phone", None),
        "session_id": context.pop("session_id", None),
        "identifiers": context.pop("identifiers", None),
    }
    _take_second_time(message, event)
    _FORMS[kind](event, message, properties if isinstance(properties, dict) else {}, context)
    if kind in ("identify", "group") and isinstance(properties, dict | None):
        properties = {**(properties or {}), **traits}
    else:
        put_back(message, "traits", traits)
    if (group := text(take(message, "groupId"))) is not None and isinstance(properties, dict | None):
        properties = {**(properties or {}), "group_id": group}
    put_back(message, "context", rest)
    return finish({**event, "context": context}, properties, message)


def _take_second_time(message: Object, event: Object) -> None:
    """RudderStack's servers send both spellings of one clock."""
    if event["created_at"] is not None and message.get("originalTimestamp") == event["created_at"]:
        del message["originalTimestamp"]


def _form_page(event: Object, message: Object, properties: Object, context: Object) -> None:
    event["name"] = take_text(message, "name", "event") or text(properties.get("name"))
    if (category := take_text(message, "category")) is not None:
        properties.setdefault("category", category)
    for name in ("url", "referrer", "title"):
        value = text(properties.get(name))
        if value is not None and context.setdefault(name, value) == value:
            del properties[name]


def _form_track(event: Object, message: Object, properties: Object, context: Object) -> None:  # noqa: ARG001
    event["name"] = name = take_text(message, "event", "name")
    event["order"] = commerce.take_order(name, properties)
    event["type"] = commerce.kind_of(name)


def _form_alias(event: Object, message: Object, properties: Object, context: Object) -> None:  # noqa: ARG001
    """The browser library drops the new id of an identified visitor and repeats the old one: that says nothing."""
    previous = take(message, "previousId")
    if previous is None or previous in (event["user_id"], event["visitor_id"]):
        return
    if event["visitor_id"] is None:
        event["visitor_id"] = previous
    elif isinstance(previous, str | int):
        event["identifiers"] = {**(event["identifiers"] or {}), "user_id": previous}


def _form_plain(event: Object, message: Object, properties: Object, context: Object) -> None:  # noqa: ARG001
    event["name"] = take_text(message, "name", "event")


_FORMS: Final = {
    "page": _form_page,
    "screen": _form_page,
    "track": _form_track,
    "alias": _form_alias,
    "identify": _form_plain,
    "group": _form_plain,
}


def answer(request: Request, outcome: Outcome) -> Answer:  # noqa: ARG001
    """200 and `{"success":true}`; Jitsu wants `ok`. Never a list of destinations, which a page would run."""
    if request.path.startswith(_PIXEL):
        return answers.image()
    return answers.json({"ok": True} if request.path.startswith(_JITSU) else {"success": True})


DIALECT: Final = Dialect(
    name="segment",
    clients="Segment, RudderStack and Jitsu, browser and server",
    paths=PATHS,
    decode=decode,
    answer=answer,
    fields=FIELDS,
    matches=lambda path: path.startswith(("/v1/projects/", "/sourceConfig")),
    stub=stub,
)
