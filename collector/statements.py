"""Rows of advertising costs as statements, one for each day of an account. Pure; the first bad row refuses all, because a
day without it would be wrong."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from collector.bounds import over_limit
from collector.envelope import rejection_of
from schemas.costs import COST_MAX, ROWS_MAX, Cost, Spent
from schemas.decoding import DECODE_ERRORS
from schemas.record import Costs
from schemas.rejection import CODES, Rejection


class _Body(msgspec.Struct):
    costs: list[msgspec.Raw]


# Nobody has older bills; the tables know days from 1970 to 2149.
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100
# What is rounded to four places must fit as well.
_COST_MAX: Final = COST_MAX - Decimal("0.00005")
_MISSING: Final = re.compile(r"Object missing required field `(day|cost)`")
_BODIES: Final = msgspec.json.Decoder(_Body)
_COSTS: Final = msgspec.json.Decoder(Cost)


def statements_of(body: bytes, site: str, received_at: int, currency: str = "") -> list[Costs] | Rejection:
    """The statements of `{"costs": [{"day", "cost", …}, …]}`, or why it is refused, with a pointer to the row. `currency` = of rows that
    name none."""
    try:
        raws = _BODIES.decode(body).costs
    except DECODE_ERRORS as error:
        return rejection_of(error, body)
    if not raws:
        return Rejection("empty_batch", "/costs", "`costs` is empty")
    if len(raws) > ROWS_MAX:
        return Rejection("batch_too_large", "/costs", f"`costs` has over {ROWS_MAX:,} rows")
    days: dict[tuple[str, str], list[Spent]] = {}
    for number, raw in enumerate(raws):
        row = cost_of(bytes(raw))
        if isinstance(row, Rejection):
            return Rejection(row.code, f"/costs/{number}{row.pointer}", row.message)
        spent = Spent(
            row.cost,
            row.currency or currency,
            row.channel,
            row.source,
            row.medium,
            row.campaign,
            row.impressions,
            row.clicks,
        )
        days.setdefault((row.of_account, row.day), []).append(spent)
    return [Costs(site, received_at, account, day, rows) for (account, day), rows in days.items()]


def cost_of(raw: bytes) -> Cost | Rejection:
    """One row, checked."""
    if (fault := over_limit(raw)) is not None:
        return fault
    try:
        row = _COSTS.decode(raw)
        known_day = _FIRST_YEAR <= date.fromisoformat(row.day).year <= _LAST_YEAR
    except DECODE_ERRORS as error:
        missing = _MISSING.match(str(error))
        return Rejection("wrong_type", f"/{missing[1]}", str(error)) if missing else rejection_of(error, raw)
    except ValueError:
        known_day = False
    if not known_day:
        return Rejection("invalid_time", "/day", CODES["invalid_time"][0])
    # `abs` would round, and raise for an exponent of nine digits.
    if not row.cost.is_finite() or row.cost.copy_abs() >= _COST_MAX:
        return Rejection("invalid_number", "/cost", CODES["invalid_number"][0])
    return row
