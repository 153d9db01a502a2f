"""`netiv report person`: why somebody is who they are."""

from __future__ import annotations

from typing import Any

import typer

from netiv.commands import options

EPOCH = "1970-01-01 00:00:00.000"


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("person")(person)


def person(
    person: str = typer.Argument(..., help="The person's id, type:value."),
    site: str = typer.Option(..., help="Which site."),
    clickhouse_url: str | None = options.CLICKHOUSE_URL,
    json: bool = options.JSON,
) -> None:
    """Explain a person: identifiers, when each was theirs, the links that say so and those that do not count, what was
    refused, the timeline.

    Example:

    \b
      netiv report person user_id:dana --site shop
    """
    import msgspec

    from netiv import clickhouse, configuration, output
    from netiv.identifiers import parse, phone_region
    from netiv.person import explain, timeline

    warehouse = clickhouse.of(configuration.load(), clickhouse_url)
    name = ":".join(parse(person, phone_region(site)))
    found = explain(warehouse, site, name)
    journey = timeline(warehouse, site, name)
    warehouse.close()
    if json:
        output.as_json({**msgspec.to_builtins(found), "timeline": journey})
        return
    # the first stretch reaches back for ever; the tables say so by the epoch
    held = [{**row, "owned_from": row["owned_from"].replace(EPOCH, "always")} for row in found.ownership]
    known = [{**row, "shared": bool(row["shared"]), "suppressed": bool(row["suppressed"])} for row in found.identifiers]
    parts = (
        (f"{name}: identifiers", known), ("Theirs when", held), ("Because", [_told(link) for link in found.links]),
        ("Refused", found.quarantine), ("Timeline", journey),
    )  # fmt: skip
    for title, rows in parts:
        if rows:
            output.show(output.Table(title, list(rows[0]), [list(row.values()) for row in rows]))


def _told(link: dict[str, Any]) -> dict[str, Any]:
    """A link as people read it: by whom and why it was taken back is said in one column."""
    told = {name: value for name, value in link.items() if name not in ("taken_back_by", "reason")}
    who = f" by {link['taken_back_by']}" if link["taken_back_by"] else ""
    why = f": {link['reason']}" if link["reason"] else ""
    return {**told, "standing": f"{link['standing']}{who}{why}"}
