"""`netiv doctor`: looks at everything, changes nothing, says how to fix what it finds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netiv.commands import options

if TYPE_CHECKING:
    from netiv.checks import Finding
    from schemas.settings import Settings

HELP = """Check configuration, engine, sites, data folder, collector, log, lag, warehouse, what is set aside, and clocks; say how to fix it.

Exit 1 when something fails. Changes nothing. With --event: where is this event (spool, log, facts, bad events, reports)?

Examples:

\b
  netiv doctor

\b
  netiv doctor --event 0199f2c4-7d1e-7a40-9c55-0f6f7c1b2a3d

\b
  NETIV_URL=https://collect.example NETIV_CLICKHOUSE=https://ch:8443 netiv doctor --json
"""
_COLORS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    data: Path | None = options.DATA,
    url: str | None = options.URL,
    clickhouse_port: int | None = typer.Option(None, help="Port of the embedded engine.", show_default="8123"),
    event: str | None = typer.Option(None, help="Find this event, by its event_id."),
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    from collector.logs import configure
    from netiv import checks, configuration, output
    from netiv.errors import CommandError

    configure()
    try:
        settings = configuration.load(data=data, url=url, clickhouse_port=clickhouse_port)
        findings = _where_is(settings, event) if event else checks.run(settings)
    except CommandError as error:
        findings = [checks.Finding("configuration", "fail", str(error), error.hint)]
    if json:
        output.as_json(findings)
    else:
        _show(findings)
    if any(finding.state == "fail" for finding in findings):
        sys.exit(1)


def _where_is(settings: Settings, event_id: str) -> list[Finding]:
    from rich.console import Console
    from rich.progress import Progress

    from netiv import clickhouse, whereabouts

    warehouse = clickhouse.of(settings)
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Reading the log", total=None)
            return whereabouts.find(
                settings, event_id, warehouse, lambda done, total: bar.update(task, completed=done, total=total)
            )
    finally:
        warehouse.close()


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
