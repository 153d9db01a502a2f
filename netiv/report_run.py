"""Runs one report as a user asked for it and prints it in the form they want."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from consumers.identity.known import SITE
from netiv import clickhouse, configuration, output, reports, sites_change, sites_file
from netiv.clickhouse import ClickHouse
from netiv.errors import CommandError
from netiv.output import Table
from schemas.settings import Settings


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
    settings = configuration.load()
    warehouse = clickhouse.of(settings, asked.url)
    require_site(warehouse, settings, asked.site)
    table = reports.run(warehouse, name, title, filters(asked), extra)
    warehouse.close()
    display(table, asked.form)


def require_site(warehouse: ClickHouse, settings: Settings, site: str) -> None:
    """Raises for a site that neither the sites file here nor the tables know, so that a misspelled name is no empty report."""
    if not site or sites_change.find(sites_file.read(settings.sites_file), site) is not None:
        return
    try:
        known = bool(warehouse.query(SITE, {"site": site}).rows)
    except CommandError:
        return  # a reader of views alone can't tell; the report says whatever else is wrong
    if not known:
        raise CommandError(f"There is no site {site}.", "See `netiv sites list`.")


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
    if table.cut:
        print(f"There are more than these {len(table.rows):,} rows: --limit shows them.", file=sys.stderr)
