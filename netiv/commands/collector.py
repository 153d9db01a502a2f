"""`netiv collector`: the HTTP side alone, for a cluster. Never imports the warehouse."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

HELP = """Run the collector alone: HTTP in, log out.

Examples:

\b
  NETIV_KAFKA=broker:9092 netiv collector --host 0.0.0.0 --workers 4

\b
  netiv collector --data ./data --port 8080      (embedded log; consumers in another process)
"""


def collector(
    data: Path | None = typer.Option(None, help="Folder of the embedded log and the sites.", show_default="./data"),
    host: str | None = typer.Option(None, help="Address to listen on.", show_default="127.0.0.1"),
    port: int | None = typer.Option(None, help="Port to listen on.", show_default="8080"),
    workers: int | None = typer.Option(None, help="Processes.", show_default="1"),
) -> None:
    """See HELP."""
    from netiv import configuration, lifeline, ports
    from netiv.errors import CommandError

    lifeline.follow()
    settings = configuration.load(data=data, host=host, port=port, workers=workers)
    ports.require_free(settings.host, settings.port, "--port")
    from collector.server import serve

    code = serve(settings)
    if code:
        raise CommandError("The collector stopped with an error.", "See the log lines above.")
    sys.exit(0)
