"""In which order the reports of a conversion are asked for each of its fields, as SQL over the arrays of 60_conversions.sql."""

from __future__ import annotations

from typing import Final

from consumers.rules.channels import transform
from consumers.rules.files import ConversionRules

MERGED: Final = ("name", "value", "currency", "person", "visitor", "session", "ts")
EARLIEST: Final = "earliest"
LAST: Final = "99"  # the rank of whom an order does not name


def orders(rules: ConversionRules) -> dict[str, str]:
    """`reports_by_FIELD` -> an array of reports, for every field; and whether the currency goes with the value."""
    by_field = {f"reports_by_{field}": _order(rules, field) for field in MERGED}
    return {**by_field, "currency_goes_with_value": str(int("currency" not in rules.trust_of))}


def _order(rules: ConversionRules, field: str) -> str:
    own = rules.trust_of.get(field)
    if own is None:
        return "reports"
    if own == EARLIEST:
        return "by_time"
    ranks = {reporter: str(rank) for rank, reporter in enumerate([own] if isinstance(own, str) else own)}
    rank = f"toUInt8({transform('r.14', ranks, LAST)})"
    return f"arraySort(r -> ({rank}, r.2, r.3, r.13), reports)"
