"""Orders in foreign events: which names mean one, and where id, value, currency and lines stand. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from collector.dialects.values import Object, number, text

_GAPS: Final = re.compile(r"[\s_-]+")
# Names that report an order (as rules/conversions.yaml has them), and names that give money back.
ORDERS: Final = frozenset({"order completed", "purchase", "checkout completed", "store purchase", "offline purchase"})
REFUNDS: Final = frozenset({"order refunded", "refund", "refunded", "order refund"})
_IDS: Final = ("order_id", "orderId", "transaction_id", "transactionId", "ecommerce_order_id")
_VALUES: Final = ("revenue", "total", "value", "amount")
_LINES: Final = ("products", "items", "contents")


def normal(name: object) -> str:
    """A name without its spelling."""
    return _GAPS.sub(" ", name).strip().lower() if isinstance(name, str) else ""


def kind_of(name: object, otherwise: str = "track") -> str:
    """`refund` for what gives money back."""
    return "refund" if normal(name) in REFUNDS else otherwise


def take_order(name: object, properties: Any) -> Object | None:
    """The order that an event of this name reports. Lines are taken out of the properties; what is short stays too."""
    if not isinstance(properties, dict) or normal(name) not in ORDERS | REFUNDS:
        return None
    order: Object = {
        "id": next((found for key in _IDS if (found := text(properties.get(key))) is not None), None),
        "value": next((amount for key in _VALUES if (amount := number(properties.get(key))) is not None), None),
        "currency": text(properties.get("currency")),
        "items": _take_lines(properties),
    }
    return {key: value for key, value in order.items() if value is not None} or None


def _take_lines(properties: Object) -> list[Object] | None:
    for key in _LINES:
        lines = properties.get(key)
        if isinstance(lines, list) and lines and all(isinstance(line, dict) for line in lines):
            del properties[key]
            return lines
    return None
