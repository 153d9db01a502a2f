"""Runs one report as a user asked for it and prints it in the form they want."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from netiv import clickhouse, configuration, output, reports
from netiv.output import Table


class Asked(msgspec.Struct, frozen=True):
    """What was typed; `form` is "", "json" or "csv"."""

    site: str
    since: str | None
    until: str | None
    limit: int
    conversion: str
    url: str | None
    form: str


def show(name: str, title: str, asked: Asked, extra: Mapping[str, Any] | None = None) -> None:
    """Run a report of consumers/reports and print it."""
    warehouse = clickhouse.of(configuration.load(), asked.url)
    table = reports.run(warehouse, name, title, filters(asked), extra)
    warehouse.close()
    display(table, asked.form)


def filters(asked: Asked) -> reports.Filters:
    """The filters in the units of the views."""
    typed = (asked.site, asked.since, asked.until, asked.limit, asked.conversion)
    return reports.Filters.of(typed, datetime.now(UTC))


def display(table: Table, form: str) -> None:
    """Print a table."""
    if form == "json":
        output.as_json(output.records(table))
    elif form == "csv":
        sys.stdout.write(output.to_csv(table))
    else:
        output.show(table)
