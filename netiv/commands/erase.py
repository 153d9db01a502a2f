"""`netiv erase`: remove a person, facts and all."""

from __future__ import annotations

from pathlib import Path

import typer

HELP = """Remove a person: events, links, bad events and everything derived from them. What only this person held goes as a
whole; of a shared device only this person's events go. A record of the erasure stays, which names nobody.

Examples:

\b
  netiv export-person user_id:dana --site shop > dana.json

\b
  netiv erase user_id:dana --site shop --yes
"""


def erase(
    person: str = typer.Argument(..., help="The person's id, type:value."),
    site: str = typer.Option(..., help="Which site."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    data: Path | None = typer.Option(None, help="Data folder.", show_default="./data"),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """See HELP."""
    from consumers.identity.requests import Erase
    from netiv.identifiers import parse, phone_region
    from netiv.operations import run, who_asks

    region = phone_region(site, data)
    kind, value = parse(person, region)
    if not yes:
        typer.confirm(f"Remove {kind}:{value} of {site} for ever?", abort=True)
    run(Erase(site, f"{kind}:{value}", who_asks(), phone_region=region), data, json, "events removed")
