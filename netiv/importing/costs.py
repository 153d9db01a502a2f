"""A row of an advertising report as a cost: columns by the names that ad systems give them, in English and Hebrew. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from netiv.importing.mapping import NAMES as EVENT_NAMES
from netiv.importing.mapping import Rules, Unreadable, amount, day_of, normal

NAMES: Final[dict[str, str]] = {
    "day": "day", "date": "day", "reporting starts": "day", "תאריך": "day", "יום": "day",
    "cost": "cost", "spend": "cost", "amount spent": "cost", "amount": "cost", "עלות": "cost", "סכום שהוצא": "cost",
    "currency": "currency", "currency code": "currency", "account currency": "currency", "מטבע": "currency",
    "impressions": "impressions", "impr": "impressions", "חשיפות": "impressions",
    "clicks": "clicks", "link clicks": "clicks", "קליקים": "clicks", "הקלקות": "clicks",
    "campaign": "campaign", "campaign name": "campaign", "utm campaign": "campaign", "קמפיין": "campaign",
    "channel": "channel", "ערוץ": "channel", "source": "source", "utm source": "source", "platform": "source", "מקור": "source",
    "medium": "medium", "utm medium": "medium", "account": "account", "account name": "account", "account id": "account",
}  # fmt: skip
FIELDS: Final = frozenset(NAMES.values())
# "Amount spent (ILS)": the currency stands in the name.
_PRICED: Final = re.compile(r"(cost|spend|amount spent|עלות|סכום שהוצא) \(([A-Za-z]{3})\)")
_WHOLE: Final = frozenset({"impressions", "clicks"})
# What is counted has no decimals: 1.000 is a thousand.
_THOUSANDS: Final = re.compile(r"[.,](?=\d{3}(?!\d))")
_WHO: Final = frozenset({"user_id", "visitor_id", "email", "phone"})


def looks_like_costs(columns: Iterable[str], given: dict[str, str]) -> bool:
    """Whether these columns are of a report of costs: a day and a cost, and nobody. `given`: the columns of `--map`."""
    fields: set[str] = set()
    for column in columns:
        of_event = given.get(column) or EVENT_NAMES.get(normal(column), "")
        if of_event in _WHO or of_event.startswith(("identifiers.", "context.click_ids.")):
            return False
        if normal(column) != "amount":  # an amount is as often an order's
            fields.add(_field(column, given)[0])
    return {"day", "cost"} <= fields


def cost_of(values: dict[str, Any], rules: Rules, account: str) -> bytes:
    """The row as the collector takes it. Raises `Unreadable`. Columns nobody knows are left out."""
    row: dict[str, Any] = {"account": account} if account else {}
    for column, value in values.items():
        field, currency = _field(column, rules.columns)
        if not field or value is None or value == "":
            continue
        try:
            row[field] = _typed(field, value, rules)
        except Unreadable as error:
            raise error.of(field, column, value) from None
        if currency:
            row.setdefault("currency", currency)
    if "day" not in row:
        raise Unreadable("invalid_time", "/day", "the row names no day")
    return msgspec.json.encode(row)


def day_in(values: dict[str, Any], rules: Rules) -> str:
    """The day that a row names, whatever else is wrong with it; "" where it can't be told (a line of totals, say)."""
    for column, value in values.items():
        if _field(column, rules.columns)[0] == "day":
            try:
                return day_of(value, rules)
            except Unreadable:
                return ""
    return ""


def _field(column: str, given: dict[str, str]) -> tuple[str, str]:
    """(field, currency) of a column."""
    if column in given:
        return (given[column], "") if given[column] in FIELDS else ("", "")
    plain = normal(column)
    priced = _PRICED.fullmatch(plain)
    if priced:
        return "cost", priced.group(2).upper()
    return NAMES.get(plain, ""), ""


def _typed(field: str, value: Any, rules: Rules) -> Any:
    if field == "day":
        return day_of(value, rules)
    if field == "cost":
        return amount(value) if isinstance(value, str) else value
    if field in _WHOLE:
        number = amount(_THOUSANDS.sub("", value)) if isinstance(value, str) else value
        if not isinstance(number, int | float) or number != int(number):
            raise Unreadable("invalid_number")
        return int(number)
    text = str(value).strip()
    return text.upper() if field == "currency" else text
