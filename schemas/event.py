"""The canonical event: what a sender says happened. Every dialect decodes to it; facts are made from it.

Types are checked here, limits in `collector`. Knows no transport, no storage, no clock.
Unknown fields are allowed and kept (the consumer files them under `properties.$extra`).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

EventType = Literal["page", "screen", "track", "identify", "alias", "group", "touch", "conversion", "refund"]
EVENT_TYPES: frozenset[str] = frozenset(get_args(EventType))
Identifier = str | int  # many senders have numeric ids; they are kept as their decimal text
Time = str | int | float  # ISO 8601, or epoch milliseconds


class Campaign(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where the visit says it came from (the five UTM parameters)."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None
    content: str | None = None
    term: str | None = None


class Context(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The surroundings of an event. `ip` and `user_agent` are believed only with the secret key (else the request's)."""

    url: str | None = None
    referrer: str | None = None
    title: str | None = None
    user_agent: str | None = None
    ip: str | None = None
    language: str | None = None
    timezone: str | None = None
    screen: Any = None
    campaign: Campaign | None = None
    click_ids: dict[str, Identifier | None] | None = None
    consent: Any = None
    active: bool | None = None


class Touch(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An explicit touchpoint: one that is no visit of the site. `cost` in the currency of the order or the site."""

    kind: str | None = None
    channel: str | None = None
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    content: str | None = None
    term: str | None = None
    creative: str | None = None
    cost: float | None = None


class Order(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What was bought, or given back with `type: refund`. `value` in `currency` (ISO 4217)."""

    id: Identifier | None = None
    value: float | None = None
    currency: str | None = None
    items: list[dict[str, Any]] | None = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One event. Only `type` and one identifier are needed."""

    type: EventType
    event_id: Identifier | None = None
    name: str | None = None
    visitor_id: Identifier | None = None
    user_id: Identifier | None = None
    email: str | None = None
    phone: Identifier | None = None
    identifiers: dict[str, Identifier | None] | None = None
    session_id: Identifier | None = None
    created_at: Time | None = None
    sent_at: Time | None = None
    properties: dict[str, Any] | None = None
    context: Context | None = None
    touch: Touch | None = None
    order: Order | None = None
    seq: int | None = None


EVENT_FIELDS: frozenset[str] = frozenset(Event.__struct_fields__)
CONTEXT_FIELDS: frozenset[str] = frozenset(Context.__struct_fields__)
CAMPAIGN_FIELDS: frozenset[str] = frozenset(Campaign.__struct_fields__)
TOUCH_FIELDS: frozenset[str] = frozenset(Touch.__struct_fields__)
ORDER_FIELDS: frozenset[str] = frozenset(Order.__struct_fields__)
