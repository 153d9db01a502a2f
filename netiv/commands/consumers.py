"""`netiv consumers`: the log read, the tables kept, the embedded engine served to BI tools."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netiv.commands import options

if TYPE_CHECKING:
    from schemas.settings import Settings

HELP = """Run the consumers alone: log in, ClickHouse tables out.

With the embedded engine this process also answers BI tools on the ClickHouse HTTP port.

Examples:

\b
  NETIV_KAFKA=broker:9092 NETIV_CLICKHOUSE=http://ch:8123 netiv consumers

\b
  netiv consumers --data ./data --clickhouse-port 8123
"""


def consumers(
    data: Path | None = options.DATA,
    host: str | None = typer.Option(None, help="Address of the ClickHouse HTTP port.", show_default="127.0.0.1"),
    clickhouse_port: int | None = typer.Option(None, help="ClickHouse HTTP port.", show_default="8123"),
) -> None:
    """See HELP."""
    from consumers.opening import is_shared
    from netiv import configuration, engine, lifeline, lock, ports

    lifeline.follow()
    settings = configuration.load(data=data, host=host, clickhouse_port=clickhouse_port)
    if is_shared(settings):
        sys.exit(_serve(settings))
    if not settings.clickhouse:
        engine.require()
        engine.require_password(settings)
    with lock.hold(settings.data, "consumers"):
        if not settings.clickhouse:
            ports.require_free(settings.host, settings.clickhouse_port, "--clickhouse-port")
        sys.exit(_serve(settings))


def _serve(settings: Settings) -> int:
    from collector.logs import configure
    from consumers.warehouse import frames

    frames.do_without()
    from consumers.app import serve
    from consumers.warehouse.lane import left_behind

    configure()
    code = serve(settings)
    if left_behind():  # a reader's query, which may take for ever; all of ours is closed
        sys.stderr.flush()
        os._exit(code)
    return code
