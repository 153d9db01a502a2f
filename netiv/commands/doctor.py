"""`netiv doctor`: looks at everything, changes nothing, says how to fix what it finds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from netiv.checks import Finding

HELP = """Check configuration, sites, data folder, collector, lag, warehouse and clocks; say how to fix what is wrong.

Exit 1 when something fails. Changes nothing.

Examples:

\b
  netiv doctor

\b
  NETIV_URL=https://collect.example NETIV_CLICKHOUSE=https://ch:8443 netiv doctor --json
"""
_COLORS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    data: Path | None = typer.Option(None, help="Data folder.", show_default="./data"),
    url: str | None = typer.Option(None, help="Address of the collector.", show_default="http://127.0.0.1:8080"),
    clickhouse_port: int | None = typer.Option(None, help="Port of the embedded engine.", show_default="8123"),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """See HELP."""
    from netiv import checks, configuration, output
    from netiv.errors import CommandError

    try:
        settings = configuration.load(data=data, url=url, clickhouse_port=clickhouse_port)
        findings = checks.run(settings)
    except CommandError as error:
        findings = [checks.Finding("configuration", "fail", str(error), error.hint)]
    if json:
        output.as_json(findings)
    else:
        _show(findings)
    if any(finding.state == "fail" for finding in findings):
        sys.exit(1)


def _show(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        console.print(
            Text.assemble((f"{finding.state:<5}", _COLORS[finding.state]), f"{finding.check:<16} {finding.detail}")
        )
        if finding.fix:
            console.print(Text(f"{'':<22}fix: {finding.fix}"))
