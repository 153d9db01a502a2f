"""`netiv export-person`: everything the tables hold of one person, as JSON."""

from __future__ import annotations

import typer

from netiv.commands import options

HELP = """Everything Netiv holds of one person, as JSON: identifiers, links with their evidence, events with what
identifies them, sessions, touchpoints, conversions, paths, links taken back, and bad events that name them, as they were sent.

Example:

\b
  netiv export-person user_id:dana --site shop > dana.json
"""


def export_person(
    person: str = typer.Argument(..., help="The person's id, type:value."),
    site: str = typer.Option(..., help="Which site."),
    clickhouse_url: str | None = options.CLICKHOUSE_URL,
    json: bool = typer.Option(False, "--json", help="As without: it is JSON in any case."),  # noqa: ARG001 (as all commands take it)
) -> None:
    """See HELP."""
    from netiv import clickhouse, configuration, output
    from netiv.identifiers import parse, phone_region
    from netiv.person import export

    warehouse = clickhouse.of(configuration.load(), clickhouse_url)
    region = phone_region(site)
    document = export(warehouse, site, ":".join(parse(person, region)), region)
    warehouse.close()
    output.as_json(document)
