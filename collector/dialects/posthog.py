"""PostHog's capture API: batches of events whose names with `$` are the library's own, and the config it asks for.

The body may be gzip under any content type, an object, a list, or a form field `data` in base64.
"""

from __future__ import annotations

from typing import Final

from collector.answers import Answer
from collector.dialects import answers, commerce
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.posthog_people import take_people
from collector.dialects.values import (
    Object,
    compact,
    drop,
    envelope,
    finish,
    pairs,
    read_object,
    take,
    take_object,
    take_text,
    text,
    unbase64,
)  # fmt: skip
from schemas.rejection import Rejection

_V1: Final = "/i/v1/analytics/events"
_CAPTURE: Final = ("/batch", "/e", "/i/v0/e", "/capture", "/track", "/engage", _V1)
PATHS: Final = frozenset({*(_CAPTURE[:4]), _V1, *(path + "/" for path in (*_CAPTURE[:4], _V1))})
_FLAGS: Final = frozenset({"/flags", "/flags/", "/decide", "/decide/"})
_TYPES: Final = {
    "$pageview": "page", "$screen": "screen", "$identify": "identify", "$set": "identify", "$set_once": "identify",
    "$create_alias": "alias", "$groupidentify": "group",
}  # fmt: skip
CONFIG: Final[Object] = {
    "supportedCompression": ["gzip", "gzip-js"],
    "featureFlags": {},
    "flags": {},
    "featureFlagPayloads": {},
    "sessionRecording": False,
    "surveys": False,
    "heatmaps": False,
    "capturePerformance": False,
    "autocapture_opt_out": True,
    "errorsWhileComputingFlags": False,
}

FIELDS: Final = Fields(
    mapped={
        "event": "type and name",
        "uuid": "event_id",
        "distinct_id": "visitor_id or user_id",
        "properties.distinct_id": "visitor_id or user_id",
        "properties.$device_id": "visitor_id",
        "properties.$anon_distinct_id": "visitor_id",
        "properties.alias": "visitor_id of an alias",
        "properties.$insert_id": "event_id without uuid",
        "properties.$session_id": "session_id",
        "properties.$current_url": "context.url",
        "properties.$referrer": "context.referrer",
        "properties.title": "context.title of a page",
        "properties.$raw_user_agent": "context.user_agent",
        "properties.$ip": "context.ip (believed with the secret key)",
        "properties.$browser_language": "context.language",
        "properties.$timezone": "context.timezone",
        "properties.$screen_name": "name of a screen",
        "properties.utm_*": "context.campaign without $current_url",
        "properties.$group_key": "properties.group_id",
        "properties.$group_set.*": "properties.* of a group",
        "properties.$set.email": "email",
        "properties.$set.phone": "phone",
        "properties.$set.*": "properties.* of an identify",
        "$set.email": "email",
        "$set.phone": "phone",
        "$set.*": "properties.* of an identify",
        "properties.*": "properties.*",
        "timestamp": "created_at",
        "sent_at": "sent_at",
    },
    kept=(
        "properties.$*",
        "$set_once.*",
        "offset",
        "type",
        "library",
        "library_version",
        "options.*",
    ),
    transport={
        "api_key": "the site",
        "token": "the site",
        "properties.token": "the site",
        "batch": "the envelope",
        "historical_migration": "events carry their own times",
    },
)


def decode(request: Request) -> Decoded:
    """Every capture path."""
    query = pairs(request.query)
    body = _content(request, query)
    stripped = body.lstrip()
    parts = envelope(b'{"batch":' + body + b"}" if stripped[:1] == b"[" else body, "batch")
    keys = _keys(request, query, parts.rest)
    if parts.fault is not None:
        return Decoded(refused=[Refused(request.body or request.query, parts.fault)], keys=keys, broken=True)
    items: list[Item] = []
    refused: list[Refused] = []
    for raw in parts.entries:
        told = read_object(raw)
        if isinstance(told, Rejection):
            refused.append(Refused(raw, told))
            continue
        keys = keys or _written(told)
        items.append(Item(event_of(told)))
    sent_at = text(parts.rest.get("sent_at")) or text(query.get("_"))
    return Decoded(items, refused, keys, sent_at, broken=not items and bool(refused) and len(parts.entries) == 1)


def _content(request: Request, query: dict[str, str]) -> bytes:
    """The JSON, out of `data=<base64>` where an older library sent a form or a query."""
    body = request.body
    if body[:5] == b"data=" or (not body and "data" in query):
        value = pairs(body).get("data", "") if body else query["data"]
        return unbase64(value) or value.encode()
    return body


def _keys(request: Request, query: dict[str, str], rest: Object) -> tuple[str, ...]:
    authorization = request.headers.get(b"authorization", b"").decode("latin-1")
    bearer = authorization[7:].strip() if authorization[:7].lower() == "bearer " else ""
    found = (bearer, *_written(rest), query.get("api_key", ""), query.get("token", ""))
    return tuple(dict.fromkeys(key for key in found if key))


def _written(told: Object) -> tuple[str, ...]:
    properties = told.get("properties")
    inner = properties.get("token") if isinstance(properties, dict) else None
    return tuple(key for value in (told.get("api_key"), told.get("token"), inner) if (key := text(value)) is not None)


def event_of(told: Object) -> Object:
    """The canonical event of one captured event."""
    name = take_text(told, "event")
    given = told.pop("properties", None)
    properties: Object = given if isinstance(given, dict) else {}
    drop(told, "api_key", "token")
    drop(properties, "token")
    kind = _TYPES.get(name or "", commerce.kind_of(name))
    event: Object = {
        "type": kind,
        "name": _name(kind, name, properties),
        "event_id": take(told, "uuid") or take(properties, "$insert_id"),
        "created_at": take(told, "timestamp"),
        "session_id": take_text(properties, "$session_id"),
        "context": _take_context(properties, kind),
    }
    event |= take_people(name or "", told, properties)
    traits = _take_traits(told, properties, event)
    event["order"] = commerce.take_order(name, properties)
    if (group := take_text(properties, "$group_key")) is not None:
        properties["group_id"] = group
    if kind == "group":
        traits |= take_object(properties, "$group_set")
    own = {key: value for key, value in properties.items() if not key.startswith("$")}
    library = {key: value for key, value in properties.items() if key.startswith("$")}
    if kind in ("identify", "group"):
        own |= traits
    elif traits:
        told["$set"] = traits
    if given is not None and not isinstance(given, dict):
        told["properties"] = given
    elif library:
        told["properties"] = library
    return finish(event, own or None, told)


def _name(kind: str, name: str | None, properties: Object) -> str | None:
    if kind == "screen":
        return take_text(properties, "$screen_name")
    return name if kind in ("track", "refund") else None


def _take_context(properties: Object, kind: str) -> Object:
    names = (
        ("url", "$current_url"), ("referrer", "$referrer"), ("user_agent", "$raw_user_agent"), ("ip", "$ip"),
        ("language", "$browser_language"), ("timezone", "$timezone"),
    )  # fmt: skip
    found: Object = {ours: take_text(properties, theirs) for ours, theirs in names}
    if found["referrer"] == "$direct":
        found["referrer"] = None
    if kind == "page":
        found["title"] = take_text(properties, "title", "$title")
    if isinstance(properties.get("$screen_width"), int) and isinstance(properties.get("$screen_height"), int):
        found["screen"] = f"{properties['$screen_width']}x{properties['$screen_height']}"
    if found["url"] is None:  # the library repeats the last campaign on every later event: the page's URL knows better
        campaign = {
            "source": "utm_source",
            "medium": "utm_medium",
            "name": "utm_campaign",
            "term": "utm_term",
            "content": "utm_content",
        }
        found["campaign"] = compact({ours: text(properties.get(theirs)) for ours, theirs in campaign.items()})
    return compact(found)


def _take_traits(told: Object, properties: Object, event: Object) -> Object:
    """`$set` stands beside the properties or among them, by library."""
    traits = {**take_object(told, "$set"), **take_object(properties, "$set")}
    for place in (
        traits,
        *(value for value in (told.get("$set_once"), properties.get("$set_once")) if isinstance(value, dict)),
    ):
        for name in ("email", "phone"):
            value = take_text(place, name, f"${name}")
            if value is not None:
                event.setdefault(name, value)
    return traits


def answer(request: Request, outcome: Outcome) -> Answer:  # noqa: ARG001
    """200; version 1 takes events that are not listed for accepted."""
    return answers.json({"results": {}} if request.path.startswith(_V1) else {"status": 1, "success": True})


def stub(request: Request) -> Answer | None:
    """Configuration that keeps the page quiet: no flags, no recording, no automatic clicks."""
    if request.path in _FLAGS or (request.path.startswith("/array/") and request.path.endswith("/config")):
        return answers.json(CONFIG)
    if request.path.startswith(("/array/", "/static/")):
        return answers.refusal(404, "not_found", "")
    return None


def matches(path: str) -> bool:
    """The paths of the stubs."""
    return path in _FLAGS or path.startswith(("/array/", "/static/"))


DIALECT: Final = Dialect(
    name="posthog",
    clients="posthog-js, posthog-node, posthog (Python)",
    paths=PATHS,
    decode=decode,
    answer=answer,
    fields=FIELDS,
    matches=matches,
    stub=stub,
)
