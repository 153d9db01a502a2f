"""`netiv unlink`: take links between identifiers back; history becomes what it would have been without them."""

from __future__ import annotations

from pathlib import Path

import typer

from netiv.commands import options

HELP = """Take back what says that two identifiers belong together. It is ignored for ever, also when it arrives again; every
session, path and conversion becomes what it would have been without it.

Examples:

\b
  netiv unlink --site shop visitor_id:4f1c user_id:dana

\b
  netiv unlink --site shop --event 9b2e

\b
  netiv unlink --site shop --rule shared --reason "the lobby's tablets"
"""


def unlink(
    one: str = typer.Argument("", help="An identifier, type:value. Alone: all its links.", show_default=False),
    other: str = typer.Argument("", help="The identifier it is linked to.", show_default=False),
    site: str = typer.Option(..., help="Which site."),
    event: str = typer.Option("", help="Only what this event says.", show_default=False),
    rule: str = typer.Option(
        "", help="All that this rule put in quarantine: shared, limit, group, blocked, alias.", show_default=False
    ),
    reason: str = typer.Option("", help="Kept with the retraction.", show_default=False),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    from consumers.identity.requests import QUARANTINE_RULES, Unlink
    from netiv.errors import CommandError
    from netiv.identifiers import parse, phone_region
    from netiv.operations import run, who_asks

    if not (one or event or rule):
        raise CommandError("Nothing says which link.", "Name identifiers, --event or --rule.", code=2)
    if rule and rule not in QUARANTINE_RULES:
        raise CommandError(f"There is no rule {rule}.", f"One of: {', '.join(QUARANTINE_RULES)}.", code=2)
    region = phone_region(site, data)
    asked = Unlink(site, parse(one, region), parse(other, region), event, rule, who_asks(), reason)
    run(asked, data, json, "links taken back")
