"""Amounts of money as the tables hold them. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

_CENT: Final = Decimal("0.0001")
_MONEY_MAX: Final = Decimal(10) ** 14


def money(value: Any) -> Decimal | None:
    """An amount with four places, or None for what is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value)).quantize(_CENT)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < _MONEY_MAX else None
