"""The columns of a fact and their ClickHouse types; times are epoch milliseconds on the way in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

TIME: Final = "DateTime64(3, 'UTC')"
MAYBE_TIME: Final = "Nullable(DateTime64(3, 'UTC'))"
NAME: Final = "LowCardinality(String)"
MONEY: Final = "Nullable(Decimal(18, 4))"

EVENT_TYPES: Final[dict[str, str]] = {
    "site": NAME, "subject": "String", "event_id": "String", "visitor_id": "String", "user_id": "String",
    "identifiers": "Map(LowCardinality(String), String)", "client_session": "String", "type": NAME, "name": NAME,
    "ts": TIME, "ts_source": NAME, "received_at": TIME, "sent_at": MAYBE_TIME, "created_at": MAYBE_TIME,
    "url": "String", "url_host": NAME, "referrer": "String", "referrer_host": NAME, "title": "String",
    "utm_source": NAME, "utm_medium": NAME, "utm_campaign": NAME, "utm_content": NAME, "utm_term": NAME,
    "campaign_key": "UInt64", "click_id_type": NAME, "click_id": "String", "click_key": "UInt64",
    "touch_kind": NAME, "touch_channel": NAME, "touch_creative": "String", "touch_cost": MONEY,
    "value": MONEY, "currency": NAME, "order_id": "String", "country": NAME, "browser": NAME, "os": NAME,
    "device_type": NAME, "language": NAME, "timezone": NAME, "screen": NAME, "seq": "UInt64",
    "is_bot": "UInt8", "active": "UInt8", "consent": "String", "dialect": NAME,
    "secret": "UInt8", "properties": "String", "log_gen": "UInt32", "log_part": "UInt16", "log_off": "UInt64",
}  # fmt: skip

LINK_TYPES: Final[dict[str, str]] = {
    "site": NAME, "id_type": NAME, "id_value": "String", "other_type": NAME, "other_value": "String", "kind": NAME,
    "ts": TIME, "received_at": TIME, "event_id": "String", "evidence": NAME,
    "log_gen": "UInt32", "log_part": "UInt16", "log_off": "UInt64", "subject": "String", "secret": "UInt8",
}  # fmt: skip

BAD_TYPES: Final[dict[str, str]] = {
    "site": NAME, "received_at": TIME, "code": NAME, "pointer": "String", "message": "String", "payload": "String",
    "dialect": NAME, "secret": "UInt8", "sent_at": MAYBE_TIME, "visitor_id": "String", "ip": "String",
    "user_agent": "String", "language": "String", "log_gen": "UInt32", "log_part": "UInt16", "log_off": "UInt64",
}  # fmt: skip

COST_TYPES: Final[dict[str, str]] = {
    "site": NAME, "cost_id": "String", "day": "Date", "account": NAME, "channel": NAME, "source": NAME, "medium": NAME,
    "campaign": "String", "cost": "Decimal(18, 4)", "currency": NAME, "impressions": "UInt64", "clicks": "UInt64",
    "received_at": TIME, "log_gen": "UInt32", "log_part": "UInt16", "log_off": "UInt64",
}  # fmt: skip

MENDED_TYPES: Final[dict[str, str]] = {
    "log_gen": "UInt32", "log_part": "UInt16", "log_off": "UInt64", "received_at": TIME,
}  # fmt: skip

_EMPTY: Final[dict[str, Any]] = {
    "String": "", NAME: "", "UInt64": 0, "UInt8": 0, "UInt16": 0, "UInt32": 0, TIME: 0, MAYBE_TIME: None, MONEY: None,
    EVENT_TYPES["identifiers"]: {},
}  # fmt: skip

# What a row holds before the steps fill it.
BLANK: Final[dict[str, Any]] = {column: _EMPTY[kind] for column, kind in EVENT_TYPES.items()}

Row = dict[str, Any]
Columns = dict[str, Sequence[Any]]
"""Rows of events by column: every one of `BLANK`, in its order, with a value for each row."""
