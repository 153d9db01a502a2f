"""Snowplow's tracker protocol 2: POST with many events, GET with one; every value is a text.

Self-describing events and contexts come as JSON or as base64 of either alphabet. What their entities say is read in
`snowplow_entities`.
"""

from __future__ import annotations

from typing import Final

from collector.answers import Answer
from collector.dialects import answers
from collector.dialects.contract import Decoded, Dialect, Fields, Item, Outcome, Refused, Request
from collector.dialects.snowplow_entities import (
    Entity,
    apply_commerce,
    entities_of,
    schema_name,
    take_session,
    take_traits,
)
from collector.dialects.values import (
    Object,
    compact,
    drop,
    envelope,
    finish,
    number,
    pairs,
    read,
    read_object,
    take,
    take_text,
    text,
    unbase64,
)
from schemas.rejection import CODES, Rejection

POST_PATH: Final = "/com.snowplowanalytics.snowplow/tp2"
GET_PATH: Final = "/i"

FIELDS: Final = Fields(
    mapped={
        "e": "type and name",
        "eid": "event_id",
        "aid": "the site",
        "duid": "visitor_id",
        "tnuid": "visitor_id without duid",
        "nuid": "visitor_id without duid",
        "uid": "user_id",
        "sid": "session_id",
        "dtm": "created_at",
        "ttm": "created_at (the true time, without skew correction)",
        "stm": "sent_at",
        "url": "context.url",
        "page": "context.title",
        "refr": "context.referrer",
        "lang": "context.language",
        "tz": "context.timezone",
        "res": "context.screen",
        "ip": "context.ip (believed with the secret key)",
        "ua": "context.user_agent",
        "se_ca": "name and properties.category",
        "se_ac": "name and properties.action",
        "se_la": "properties.label",
        "se_pr": "properties.property",
        "se_va": "properties.value",
        "ue_pr": "name and properties",
        "ue_px": "name and properties",
        "co": "properties.$dialect.contexts; e-mail, phone, order and lines to their places",
        "cx": "properties.$dialect.contexts; e-mail, phone, order and lines to their places",
        "pp_mix": "properties.pp_mix",
        "pp_max": "properties.pp_max",
        "pp_miy": "properties.pp_miy",
        "pp_may": "properties.pp_may",
        "tr_id": "order.id",
        "tr_tt": "order.value",
        "tr_cu": "order.currency",
        "ti_*": "properties.ti_*",
        "tr_*": "properties.tr_*",
    },
    kept=("tv", "tna", "p", "cookie", "cs", "cd", "vp", "ds", "vid", "fp", "tid"),
    transport={"schema": "the envelope"},
)


def decode(request: Request) -> Decoded:
    """tp2 and `/i`."""
    anonymous = b"sp-anonymous" in request.headers
    if request.method == "GET":
        parameters: Object = dict(pairs(request.query))
        event = event_of(parameters)
        if isinstance(event, Rejection):
            key = text(pairs(request.query).get("aid")) or ""
            return Decoded(refused=[Refused(request.query, event)], keys=_keys(key), broken=True, anonymous=anonymous)
        return Decoded([event], keys=_keys(event.key), anonymous=anonymous)
    return _decode_batch(request, anonymous)


def _keys(key: str) -> tuple[str, ...]:
    return (key,) if key else ()


def _decode_batch(request: Request, anonymous: bool) -> Decoded:
    parts = envelope(request.body, "data")
    if parts.fault is not None:
        return Decoded(refused=[Refused(request.body, parts.fault)], broken=True)
    items: list[Item] = []
    refused: list[Refused] = []
    key = ""
    for raw in parts.entries:
        parameters = read_object(raw)
        if isinstance(parameters, dict):
            key = key or text(parameters.get("aid")) or ""
        item = parameters if isinstance(parameters, Rejection) else event_of(parameters)
        if isinstance(item, Rejection):
            refused.append(Refused(raw, item))
        else:
            items.append(item)
    return Decoded(items, refused, _keys(key), anonymous=anonymous)


def event_of(parameters: Object) -> Item | Rejection:
    """The canonical event of one set of parameters."""
    kind = take_text(parameters, "e")
    form = _FORMS.get(kind or "")
    if form is None:
        return Rejection(
            "unknown_type" if kind else "missing_type", "/e", CODES["unknown_type" if kind else "missing_type"][0]
        )
    entities = _take_contexts(parameters)
    event: Object = {
        "event_id": take(parameters, "eid"),
        "visitor_id": take(parameters, "duid", "tnuid", "nuid"),
        "user_id": take(parameters, "uid"),
        "session_id": take_text(parameters, "sid"),
        "context": _take_context(parameters),
    }
    take_session(entities, event)
    if event["visitor_id"] is None and event["user_id"] is None:
        event["visitor_id"] = event["session_id"]  # anonymous tracking names nobody but a session
    event |= _take_clocks(parameters)
    event |= take_traits(entities)
    made = form(event, parameters, entities)
    if isinstance(made, Rejection):
        return made
    key = take_text(parameters, "aid") or ""
    drop(parameters, "schema")
    if entities:
        parameters["contexts"] = [{"schema": entity.schema, "data": entity.data} for entity in entities]
    return Item(finish(event, made or None, parameters), key)


def _take_contexts(parameters: Object) -> list[Entity]:
    """The entities; what can't be read stays as it was sent."""
    for name in ("co", "cx"):
        value = text(parameters.get(name))
        if value is None:
            continue
        raw = unbase64(value) if name == "cx" else value.encode()
        content = read_object(raw) if raw is not None else None
        entities = entities_of(content) if isinstance(content, dict) else None
        if entities is not None:
            del parameters[name]
            return entities
    return []


def _take_context(parameters: Object) -> Object:
    names = (
        ("url", "url"), ("title", "page"), ("referrer", "refr"), ("language", "lang"), ("timezone", "tz"),
        ("screen", "res"), ("ip", "ip"), ("user_agent", "ua"),
    )  # fmt: skip
    return compact({ours: take_text(parameters, theirs) for ours, theirs in names})


def _take_clocks(parameters: Object) -> Object:
    """The true time stands as given; the device's is corrected by its time of sending."""
    true = take(parameters, "ttm")
    if true is not None:
        return {"created_at": true}
    return {"created_at": take(parameters, "dtm"), "sent_at": take(parameters, "stm")}


Made = Object | Rejection


def _page(event: Object, parameters: Object, entities: list[Entity]) -> Made:  # noqa: ARG001
    event["type"] = "page"
    return {}


def _ping(event: Object, parameters: Object, entities: list[Entity]) -> Made:  # noqa: ARG001
    event |= {"type": "track", "name": "page_ping"}
    return _numbers(parameters, "pp_mix", "pp_max", "pp_miy", "pp_may")


def _numbers(parameters: Object, *names: str) -> Object:
    """These members as numbers where they are."""
    found = {}
    for name in names:
        value = parameters.get(name)
        if value is not None and (amount := number(value)) is not None:
            del parameters[name]
            found[name] = int(amount) if amount.is_integer() and abs(amount) < 1 << 53 else amount
    return found


def _structured(event: Object, parameters: Object, entities: list[Entity]) -> Made:
    names = {"category": "se_ca", "action": "se_ac", "label": "se_la", "property": "se_pr"}
    properties = compact({ours: take_text(parameters, theirs) for ours, theirs in names.items()})
    if value := _numbers(parameters, "se_va"):
        properties["value"] = value["se_va"]
    event |= {
        "type": "track",
        "name": " ".join(str(properties[key]) for key in ("category", "action") if key in properties) or "structured",
    }
    apply_commerce(event, properties, "", entities)
    return properties


def _described(event: Object, parameters: Object, entities: list[Entity]) -> Made:
    """A self-describing event: the wrapper's `data` names its schema and holds its properties."""
    name = "ue_pr" if text(parameters.get("ue_pr")) is not None else "ue_px"
    value = take_text(parameters, name)
    raw = value.encode() if value is not None and name == "ue_pr" else unbase64(value or "")
    outer = read(raw) if raw else None
    inner = outer.get("data") if isinstance(outer, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("schema"), str):
        return (
            outer if isinstance(outer, Rejection) else Rejection("undecodable", f"/{name}", "no self-describing event")
        )
    properties = inner.get("data")
    properties = dict(properties) if isinstance(properties, dict) else compact({"data": properties})
    parameters["schema_of_event"] = inner["schema"]
    event |= {"type": "track", "name": schema_name(inner["schema"])}
    apply_commerce(event, properties, inner["schema"], entities)
    return properties


def _transaction(event: Object, parameters: Object, entities: list[Entity]) -> Made:  # noqa: ARG001
    """The old ecommerce events: the order, and one event for each line."""
    order = {
        "id": take_text(parameters, "tr_id"),
        "value": number(parameters.get("tr_tt")),
        "currency": take_text(parameters, "tr_cu"),
    }
    event |= {"type": "track", "name": "purchase", "order": compact(order)}
    return {name: parameters.pop(name) for name in list(parameters) if name.startswith("tr_")}


def _line(event: Object, parameters: Object, entities: list[Entity]) -> Made:  # noqa: ARG001
    event |= {"type": "track", "name": "transaction_item"}
    return {name: parameters.pop(name) for name in list(parameters) if name.startswith("ti_")}


def _advertisement(event: Object, parameters: Object, entities: list[Entity]) -> Made:  # noqa: ARG001
    event |= {"type": "track", "name": "ad"}
    return {name: parameters.pop(name) for name in list(parameters) if name.startswith("ad_")}


_FORMS: Final = {
    "pv": _page,
    "pp": _ping,
    "se": _structured,
    "ue": _described,
    "tr": _transaction,
    "ti": _line,
    "ad": _advertisement,
}


def answer(request: Request, outcome: Outcome) -> Answer:  # noqa: ARG001
    """`ok`, or the image."""
    return answers.image() if request.method == "GET" else answers.plain(b"ok")


DIALECT: Final = Dialect(
    name="snowplow",
    clients="Snowplow trackers (web, Node, Python, mobile)",
    paths=frozenset({POST_PATH, GET_PATH}),
    decode=decode,
    answer=answer,
    fields=FIELDS,
    gone_status=400,  # 413 stays at the head of a tracker's queue for ever
)
