"""Matomo's tracking API: one set of names in a query, a form body, or `?…` texts in a bulk request. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from collector.answers import CLOSE, Answer
from collector.dialects import answers
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.values import Object, compact, drop, finish, number, pairs, read, take_text, text
from schemas.rejection import CODES, Rejection

PATHS: Final = frozenset({"/matomo.php", "/piwik.php", "/js/tracker.php"})

FIELDS: Final = Fields(
    mapped={
        "idsite": "the site",
        "action_name": "context.title",
        "url": "context.url",
        "urlref": "context.referrer",
        "_id": "visitor_id",
        "cid": "visitor_id",
        "uid": "user_id",
        "lang": "context.language",
        "res": "context.screen",
        "ua": "context.user_agent",
        "cip": "context.ip (believed with the secret key)",
        "cdt": "created_at",
        "e_c": "name and properties.category",
        "e_a": "name and properties.action",
        "e_n": "properties.label",
        "e_v": "properties.value",
        "search": "properties.search",
        "search_cat": "properties.search_cat",
        "search_count": "properties.search_count",
        "link": "properties.link",
        "download": "properties.download",
        "c_*": "properties.c_*",
        "ping": "name",
        "idgoal": "type and name",
        "revenue": "order.value",
        "ec_id": "order.id",
        "ec_items": "order.items",
        "ec_*": "properties.ec_*",
    },
    kept=(
        "ca",
        "_idn",
        "_idts",
        "_idvc",
        "_viewts",
        "_rcn",
        "_rck",
        "_ref",
        "_refts",
        "_cvar",
        "cvar",
        "pv_id",
        "h",
        "m",
        "s",
        "pf_*",
        "gt_ms",
        "uadata",
        "cookie",
        "pdf",
        "qt",
        "realp",
        "wma",
        "fla",
        "java",
        "ag",
        "dimension*",
        "new_visit",
        "country",
        "region",
        "city",
        "lat",
        "long",
        "bots",
        "r",
        "rand",
        "apiv",
        "send_image",
        "queuedtracking",
        "cs",
        "_pks",
        "_pkc",
        "_pkp",
        "_pkn",
    ),
    transport={"token_auth": "the secret key", "rec": "always 1", "requests": "the envelope"},
)


def decode(request: Request) -> Decoded:
    """Query and body together; a JSON body is bulk."""
    query = pairs(request.query)
    if request.body.lstrip()[:1] in (b"{", b"["):
        return _decode_bulk(request, query)
    merged = {**query, **pairs(request.body)}
    keys = _keys(merged)
    event = event_of(dict(merged))
    payload = request.body or request.query
    if isinstance(event, Rejection):
        return Decoded(refused=[Refused(payload, event)], keys=keys, broken=True)
    return Decoded([event], keys=keys)


def _keys(parameters: dict[str, str]) -> tuple[str, ...]:
    return tuple(parameters[name] for name in ("token_auth", "idsite") if parameters.get(name))


def _decode_bulk(request: Request, query: dict[str, str]) -> Decoded:
    content = read(request.body)
    if isinstance(content, Rejection):
        return Decoded(refused=[Refused(request.body, content)], keys=_keys(query), broken=True)
    token = text(content.get("token_auth")) if isinstance(content, dict) else None
    listed = content.get("requests") if isinstance(content, dict) else content
    if not isinstance(listed, list):
        fault = Rejection("wrong_type", "/requests", CODES["wrong_type"][0])
        return Decoded(refused=[Refused(request.body, fault)], keys=_keys(query), broken=True)
    items: list[Item] = []
    refused: list[Refused] = []
    keys: tuple[str, ...] = (token,) if token else ()
    for entry in listed:
        parameters = _parameters(entry)
        event = parameters if isinstance(parameters, Rejection) else event_of(parameters)
        if isinstance(event, Rejection):
            refused.append(Refused(msgspec.json.encode(entry), event))
        else:
            items.append(event)
            keys = (*keys, event.key) if event.key and event.key not in keys else keys
    return Decoded(items, refused, keys or _keys(query))


def _parameters(entry: Any) -> Object | Rejection:
    if isinstance(entry, str):
        return dict(
            pairs(
                entry.partition("?")[2].encode("utf-8", "replace") if "?" in entry else entry.encode("utf-8", "replace")
            )
        )
    if isinstance(entry, dict):
        return {key: value if isinstance(value, str) else (text(value) or "") for key, value in entry.items()}
    return Rejection("wrong_type", "", CODES["wrong_type"][0])


def event_of(parameters: Object) -> Item | Rejection:
    """The canonical event of one hit."""
    key = take_text(parameters, "idsite") or ""
    drop(parameters, "token_auth", "rec")
    event: Object = {
        "visitor_id": take_text(parameters, "cid", "_id"),
        "user_id": take_text(parameters, "uid"),
        "created_at": _time(take_text(parameters, "cdt")),
        "context": _take_context(parameters),
    }
    properties = _kind(event, parameters)
    return Item(finish(event, properties or None, parameters), key)


def _time(value: str | None) -> str | int | None:
    """`cdt`: seconds since the epoch, or a UTC date and time."""
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) <= 11:
        return int(value) * 1000
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return value  # refused later, as it was sent
    return value


def _take_context(parameters: Object) -> Object:
    names = (
        ("url", "url"), ("referrer", "urlref"), ("title", "action_name"), ("language", "lang"), ("screen", "res"),
        ("user_agent", "ua"), ("ip", "cip"),
    )  # fmt: skip
    return compact({ours: take_text(parameters, theirs) for ours, theirs in names})


def _kind(event: Object, parameters: Object) -> Object:
    """Fills type and name (and order); the properties. What is most special decides."""
    if "idgoal" in parameters:
        return _goal(event, parameters)
    if "e_c" in parameters or "e_a" in parameters:
        names = {"category": "e_c", "action": "e_a", "label": "e_n"}
        properties = compact({ours: take_text(parameters, theirs) for ours, theirs in names.items()})
        if (value := number(parameters.get("e_v"))) is not None:
            del parameters["e_v"]
            properties["value"] = value
        event |= {
            "type": "track",
            "name": " ".join(properties[key] for key in ("category", "action") if key in properties) or "event",
        }
        return properties
    for name, label in (
        ("search", "search"),
        ("link", "outbound link"),
        ("download", "download"),
        ("c_n", "content"),
        ("ping", "ping"),
    ):
        if parameters.get(name):
            event |= {"type": "track", "name": label}
            drop(parameters, "ping")
            return {
                key: parameters.pop(key)
                for key in list(parameters)
                if key == name or key.startswith((name + "_", "c_"))
            }
    event["type"] = "page"
    return {}


def _goal(event: Object, parameters: Object) -> Object:
    """Goal 0 is the shop: an order where it has an id, else a cart. Other goals are conversions of their number."""
    goal, order_id = take_text(parameters, "idgoal"), take_text(parameters, "ec_id")
    value = number(parameters.get("revenue"))
    items = _take_items(parameters)
    properties = {key: parameters.pop(key) for key in list(parameters) if key.startswith("ec_")}
    if value is not None:
        del parameters["revenue"]
    if goal == "0" and order_id is None:
        event |= {"type": "track", "name": "cart_update"}
        return compact({**properties, "cart_value": value, "items": items})
    name = "purchase" if goal == "0" else f"goal_{goal or ''}"
    event |= {"type": "conversion", "name": name, "order": compact({"id": order_id, "value": value, "items": items})}
    return properties


def _take_items(parameters: Object) -> list[Object] | None:
    """`[["sku","name","category",price,quantity],…]`."""
    told = text(parameters.get("ec_items"))
    rows = read(told.encode()) if told is not None else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return None
    del parameters["ec_items"]
    return [compact(dict(zip(("sku", "name", "category", "price", "quantity"), row, strict=False))) for row in rows]


def answer(request: Request, outcome: Outcome) -> Answer:
    """The image; nothing where it was asked for; bulk wants figures.

    A server's library does not read the answer and keeps its process alive for as long as the connection is."""
    made = _answer(request, outcome)
    if request.headers.get(b"user-agent", b"").startswith(b"Mozilla/"):
        return made
    return Answer(made.status, made.body, (*made.headers, CLOSE))


def _answer(request: Request, outcome: Outcome) -> Answer:
    if request.body.lstrip()[:1] in (b"{", b"["):
        return answers.json({"status": "success", "tracked": outcome.accepted, "invalid": len(outcome.rejected)})
    if {**pairs(request.query), **pairs(request.body)}.get("send_image") == "0":
        return Answer(204)
    return answers.image()


DIALECT: Final = Dialect(
    name="matomo",
    clients="matomo.js, matomo-tracker (Node), matomopy, log importers",
    paths=PATHS,
    decode=decode,
    answer=answer,
    fields=FIELDS,
    cookieless=True,
    retry_window_s=5,
)
