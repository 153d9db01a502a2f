"""Runs the reports of `consumers/reports/*.sql`: each takes the same filters and gives plain columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from netiv import durations
from netiv.clickhouse import ClickHouse, report_sql
from netiv.output import Table

_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)
_MONEY = frozenset(
    {
        "revenue",
        "first",
        "last",
        "linear",
        "avg_days",
        "value",
        "spend",
        "cpa",
        "roas",
        "closed_revenue",
        "assisted_revenue",
    }
)
_TEXT = frozenset(
    {"path", "channel", "other_channel", "node", "currency", "key", "site", "model", "stage", "stage_model", "cohort"}
    | {"customer", "step_before", "step_from", "step_to", "window_from", "window_until"}
)


class Filters(msgspec.Struct, frozen=True):
    """Which part of the data; `site` "" = all; `until` is not included."""

    site: str
    since: datetime
    until: datetime
    limit: int
    conversion: str = ""  # names of conversions, comma-separated; "" = all

    @classmethod
    def of(cls, typed: tuple[str, str | None, str | None, int, str], now: datetime) -> Filters:
        """Filters as a user types them."""
        site, since, until, limit, conversion = typed
        return cls(
            site,
            durations.moment(since, now) if since else _BEGINNING,
            durations.moment(until, now) if until else _END,
            limit,
            conversion.replace(" ", ""),
        )


def forever() -> tuple[datetime, datetime]:
    """All times."""
    return _BEGINNING, _END


def run(
    warehouse: ClickHouse, name: str, title: str, filters: Filters, extra: Mapping[str, Any] | None = None
) -> Table:
    """One report; `extra` are parameters of its own. One row more than the limit is asked for, to know whether it cuts any off."""
    parameters = {
        **(extra or {}),
        "site": filters.site,
        "since": _text(filters.since),
        "until": _text(filters.until),
        "limit": filters.limit + 1,
        "conversion": filters.conversion,
    }
    result = warehouse.query(report_sql(name), parameters)
    rows = [[_value(column, cell) for column, cell in zip(result.columns, row, strict=True)] for row in result.rows]
    return limited(Table(title, result.columns, rows), filters.limit)


def limited(table: Table, limit: int) -> Table:
    """The table cut to the limit, where it has more rows."""
    if len(table.rows) <= limit:
        return table
    return msgspec.structs.replace(table, rows=table.rows[:limit], cut=True)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _value(column: str, cell: str | float | None) -> str | float | None:
    """64-bit integers come quoted from some servers; money as a number of two decimals."""
    if column in _MONEY and cell is not None:
        return round(float(cell), 2)
    if isinstance(cell, str) and column not in _TEXT and cell.lstrip("-").isdigit():
        return int(cell)
    return cell
