"""`netiv report`: what the tables say, in the terminal, as JSON or as CSV."""

from __future__ import annotations

import typer

HELP = """Reports over the ClickHouse views: conversion paths, channels, first attribution.

Examples:

\b
  netiv report paths --site shop --since 30d

\b
  netiv report channels --csv > channels.csv

\b
  netiv report attribution --json
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_SITE = typer.Option("", help="Only this site.", show_default="all")
_SINCE = typer.Option(None, help="From: a date, a time, or 30d (ago).", show_default="the beginning")
_UNTIL = typer.Option(None, help="Until (not included).", show_default="now")
_LIMIT = typer.Option(20, min=1, max=100_000, help="Rows at most.")
_CONVERSION = typer.Option("", help="Only these conversions: purchase,lead.", show_default="all")
_URL = typer.Option(None, "--clickhouse-url", help="ClickHouse HTTP address.", show_default="http://127.0.0.1:8123")
_JSON = typer.Option(False, "--json", help="Print JSON.")
_CSV = typer.Option(False, "--csv", help="Print CSV.")


@app.command("paths")
def paths(
    site: str = _SITE, since: str | None = _SINCE, until: str | None = _UNTIL, limit: int = _LIMIT,
    conversion: str = _CONVERSION, clickhouse_url: str | None = _URL, json: bool = _JSON, csv: bool = _CSV,
) -> None:  # fmt: skip
    """The paths of channels that led to most conversions.

    Example:

    \b
      netiv report paths --since 2026-01-01 --limit 10
    """
    _run(
        "paths",
        "Top conversion paths",
        (site, since, until, limit, conversion),
        clickhouse_url,
        "json" if json else "csv" if csv else "",
    )


@app.command("channels")
def channels(
    site: str = _SITE, since: str | None = _SINCE, until: str | None = _UNTIL, limit: int = _LIMIT,
    conversion: str = _CONVERSION, clickhouse_url: str | None = _URL, json: bool = _JSON, csv: bool = _CSV,
) -> None:  # fmt: skip
    """Sessions, touchpoints, conversions (last touch) and revenue by channel.

    Example:

    \b
      netiv report channels --site shop --csv
    """
    _run(
        "channels",
        "Channels",
        (site, since, until, limit, conversion),
        clickhouse_url,
        "json" if json else "csv" if csv else "",
    )


@app.command("attribution")
def attribution(
    site: str = _SITE, since: str | None = _SINCE, until: str | None = _UNTIL, limit: int = _LIMIT,
    conversion: str = _CONVERSION, clickhouse_url: str | None = _URL, json: bool = _JSON, csv: bool = _CSV,
) -> None:  # fmt: skip
    """Revenue by channel under three models: first touch, last touch, linear.

    Example:

    \b
      netiv report attribution --since 90d
    """
    _run(
        "attribution",
        "Attribution",
        (site, since, until, limit, conversion),
        clickhouse_url,
        "json" if json else "csv" if csv else "",
    )


def _run(
    name: str, title: str, filters: tuple[str, str | None, str | None, int, str], url: str | None, form: str
) -> None:
    import sys
    from datetime import UTC, datetime

    from netiv import clickhouse, configuration, output, reports

    now = datetime.now(UTC)
    wanted = reports.Filters.of(filters, now)
    warehouse = clickhouse.of(configuration.load(), url)
    table = reports.run(warehouse, name, title, wanted)
    warehouse.close()
    if form == "json":
        output.as_json(output.records(table))
    elif form == "csv":
        sys.stdout.write(output.to_csv(table))
    else:
        output.show(table)
