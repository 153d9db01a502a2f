"""What the entities beside a Snowplow event say: who, which session, which order. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from collector.dialects import commerce
from collector.dialects.values import Object, compact, number, take_text, text

_SCHEMA: Final = re.compile(r"iglu:([^/]+)/([^/]+)/[^/]+/[^/]+")
_TRAITS: Final = re.compile(r"user|trait|customer|contact|identif|person|lead", re.IGNORECASE)
_COMMERCE: Final = "com.snowplowanalytics.snowplow.ecommerce"


class Entity(msgspec.Struct):
    """One context entity."""

    schema: str
    data: Any


def schema_name(schema: str) -> str:
    """`lead` of `iglu:com.example/lead/jsonschema/1-0-0`."""
    found = _SCHEMA.fullmatch(schema)
    return found.group(2) if found else schema[:255]


def entities_of(content: Object) -> list[Entity] | None:
    """The entities of a contexts document; None for what is none."""
    listed = content.get("data")
    if not isinstance(listed, list):
        return None
    entities = []
    for entry in listed:
        if not isinstance(entry, dict) or not isinstance(entry.get("schema"), str):
            return None
        entities.append(Entity(entry["schema"], entry.get("data")))
    return entities


def _named(entities: list[Entity], name: str) -> list[Object]:
    return [entity.data for entity in entities if schema_name(entity.schema) == name and isinstance(entity.data, dict)]


def take_session(entities: list[Entity], event: Object) -> None:
    """`client_session` names visitor and session where the event itself does not (mobile trackers)."""
    for session in _named(entities, "client_session"):
        if event["visitor_id"] is None and session.get("userId") != "00000000-0000-0000-0000-000000000000":
            event["visitor_id"] = text(session.get("userId"))
        if event["session_id"] is None:
            event["session_id"] = text(session.get("sessionId"))


def take_traits(entities: list[Entity]) -> Object:
    """E-mail and phone of an entity about a user; taken out of it."""
    found: Object = {}
    for entity in entities:
        if isinstance(entity.data, dict) and _TRAITS.search(schema_name(entity.schema)):
            for name in ("email", "phone"):
                if (value := take_text(entity.data, name)) is not None:
                    found.setdefault(name, value)
    return found


def apply_commerce(event: Object, properties: Object, schema: str, entities: list[Entity]) -> None:
    """The ecommerce action of an event with its product, transaction and refund entities, as an order."""
    if schema.startswith(f"iglu:{_COMMERCE}/snowplow_ecommerce_action/"):
        action = text(properties.get("type")) or "ecommerce"
        event["name"] = "purchase" if action == "transaction" else action
    event["order"] = _order(entities) or commerce.take_order(event["name"], properties)
    if commerce.normal(event["name"]) in commerce.REFUNDS:
        event["type"] = "refund"


def _order(entities: list[Entity]) -> Object | None:
    for name, amount in (("transaction", "revenue"), ("refund", "refund_amount")):
        for told in _named(entities, name):
            if text(told.get("transaction_id")) is None:
                continue
            return compact(
                {
                    "id": text(told.get("transaction_id")),
                    "value": number(told.get(amount)),
                    "currency": text(told.get("currency")),
                    "items": _take_products(entities),
                }
            )
    return None


def _take_products(entities: list[Entity]) -> list[Object]:
    products = _named(entities, "product")
    entities[:] = [entity for entity in entities if not any(entity.data is product for product in products)]
    return products
