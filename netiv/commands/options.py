"""Options that several commands take, the same everywhere."""

from __future__ import annotations

import typer

DATA = typer.Option(None, help="Data folder.", show_default="./data")
JSON = typer.Option(False, "--json", help="Print JSON.")
URL = typer.Option(None, "--url", help="Address of the collector.", show_default="NETIV_URL, else NETIV_PORT here")
CLICKHOUSE_URL = typer.Option(
    None, "--clickhouse-url", help="ClickHouse HTTP address.", show_default="http://127.0.0.1:8123"
)
# Of reports.
SITE = typer.Option("", help="Only this site.", show_default="all")
SINCE = typer.Option(None, help="From: a date, a time, or 30d (ago).", show_default="the beginning")
UNTIL = typer.Option(None, help="Until (not included).", show_default="now")
LIMIT = typer.Option(20, min=1, max=100_000, help="Rows at most.")
LIMIT_WHOLE = typer.Option(1_000, min=1, max=100_000, help="Rows at most.")  # of tables that say nothing in part
CONVERSION = typer.Option("", help="Only these conversions: purchase,lead.", show_default="all")
CSV = typer.Option(False, "--csv", help="Print CSV.")
