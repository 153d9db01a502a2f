"""What an event says that no column of its own holds: it goes beside its properties, under names that begin with `$`. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from consumers.enrich.amounts import money
from consumers.enrich.contacts import contacts_of, without_contacts
from schemas.event import CAMPAIGN_FIELDS, CONTEXT_FIELDS, EVENT_FIELDS, ORDER_FIELDS, TOUCH_FIELDS

CURRENCY_CHARS_MAX: Final = 8
_json: Final = msgspec.json.Encoder()
_PLACED: Final = EVENT_FIELDS - {"order", "touch"}
_PLACED_CONTEXT: Final = CONTEXT_FIELDS - {"campaign", "click_ids"}


def has_rest(event: dict[str, Any], context: dict[str, Any], seq: int) -> bool:
    """False where all of an event has a column for certain: most of them, and looking costs more."""
    return not (_PLACED.issuperset(event) and _PLACED_CONTEXT.issuperset(context) and (seq or "seq" not in event))


def as_json(value: Any) -> str:
    """As compact JSON."""
    return _json.encode(value).decode()


def as_text(value: Any) -> str:
    """A text as it is, nothing as "", all else as JSON."""
    return value if type(value) is str else "" if value is None else as_json(value)


def rest_of(
    event: dict[str, Any], context: dict[str, Any], click: tuple[str, str], seq: int, *, raw: bool
) -> dict[str, Any]:
    """`$extra`, `$context`, `$items` and `$contacts`, each where there is something. Addresses and phone numbers are among it only for a
    site that wants these (`raw`). `click` and `seq` are what the columns took."""
    order, touch = event.get("order") or {}, event.get("touch") or {}
    extra = _unknown(event, EVENT_FIELDS, raw=raw)
    extra |= _of_part("order", order, ORDER_FIELDS, "value", raw=raw)
    extra |= _of_part("touch", touch, TOUCH_FIELDS, "cost", raw=raw)
    if (told := event.get("seq")) and told != seq:
        extra["seq"] = told
    around = _unknown(context, CONTEXT_FIELDS, raw=raw)
    if unknown := _unknown(context.get("campaign") or {}, CAMPAIGN_FIELDS, raw=raw):
        around["campaign"] = unknown
    if others := _other_clicks(context.get("click_ids") or {}, click):
        around["click_ids"] = others
    found = {
        "$extra": extra, "$context": around, "$items": order.get("items"), "$contacts": contacts_of(event, context) if raw else None,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _unknown(told: dict[str, Any], known: frozenset[str], *, raw: bool) -> dict[str, Any]:
    if known.issuperset(told):
        return {}
    unknown = {name: told[name] for name in told if name not in known}
    hidden: dict[str, Any] = unknown if raw else without_contacts(unknown)
    return {name: value for name, value in hidden.items() if value or value == unknown[name]}


def _of_part(name: str, told: dict[str, Any], known: frozenset[str], amount: str, *, raw: bool) -> dict[str, Any]:
    """What `order` or `touch` says beyond its fields, and what is too large for their columns."""
    found = _unknown(told, known, raw=raw)
    if (value := told.get(amount)) is not None and money(value) is None:
        found[amount] = value
    if len(str(told.get("currency") or "").strip()) > CURRENCY_CHARS_MAX:
        found["currency"] = told["currency"]
    return {name: found} if found else {}


def _other_clicks(click_ids: dict[str, Any], kept: tuple[str, str]) -> dict[str, Any]:
    """Of several click ids the column holds one, and a touch that says where it came from has none."""
    return {name: value for name, value in click_ids.items() if value and (name, str(value).strip()) != kept}
