"""`netiv erase`: remove a person, facts and all."""

from __future__ import annotations

from pathlib import Path

import typer

from netiv.commands import options

HELP = """Remove a person, or several at once for little more than one costs: events, links, bad events and everything derived
from them. What only they held goes as a whole; of a shared device only their own events go. A record of the erasure stays,
which names nobody.

Examples:

\b
  netiv export-person user_id:dana --site shop > dana.json

\b
  netiv erase user_id:dana --site shop --yes

\b
  xargs -n 100 netiv erase --site shop --yes < people.txt
"""


def erase(
    persons: list[str] = typer.Argument(..., help="The person's id, type:value; up to 100."),
    site: str = typer.Option(..., help="Which site."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    from consumers.identity.requests import PERSONS_MAX, Erase
    from netiv.errors import CommandError
    from netiv.identifiers import parse, phone_region
    from netiv.operations import run, who_asks

    region = phone_region(site, data)
    if len(persons) > PERSONS_MAX:
        raise CommandError(f"{len(persons)} are too many at once.", f"Name up to {PERSONS_MAX} persons.", code=2)
    asked = list(dict.fromkeys(":".join(parse(person, region)) for person in persons))
    if not yes:
        typer.confirm(f"Remove {', '.join(asked)} of {site} for ever?", abort=True)
    first, *further = asked
    request = Erase(site, first, who_asks(), phone_region=region, further=tuple(further))
    run(request, data, json, "events removed")
