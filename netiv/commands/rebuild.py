"""`netiv rebuild`: derive history again from facts under the present rules."""

from __future__ import annotations

from pathlib import Path

import typer

from netiv.commands import options

HELP = """Derive every session, touchpoint, conversion and path again, from facts and the rules in force.

Needed after rule files were changed by hand; `netiv rules publish` does it by itself. A running `netiv up` works beside the stream,
into tables of their own, which then take the place of those in use: readers see the old ones or the new ones. With --since, only
visitors and persons of whom there are facts from that day on are derived again, in place. Exit 1 when some could not be derived and are
set aside (`netiv doctor` names them); all others are.

Examples:

\b
  netiv rebuild

\b
  netiv rebuild --since 2026-03-01
"""


def rebuild(
    since: str | None = typer.Option(
        None, help="Only who has facts since: a date, a time, or 30d (ago).", show_default="all"
    ),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    from datetime import UTC, datetime

    from netiv import configuration, durations, output
    from netiv.rebuilding import publish, rederive, require_all

    settings = configuration.load(data=data)
    begin = durations.moment(since, datetime.now(UTC)) if since else None
    done = rederive(settings, round(begin.timestamp() * 1000)) if begin else publish(settings, None)
    if json:
        output.as_json({"visitors": done.count, "set_aside": done.aside})
    else:
        print(f"{done.count:,} visitors derived again.")
    require_all(done)
