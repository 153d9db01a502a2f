"""`netiv webhooks`: names under which other systems call, each with a secret of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netiv.commands import options

if TYPE_CHECKING:
    from schemas.webhooks import Webhooks

HELP = """Webhooks: signed calls of other systems (Mautic, or any that can sign JSON).

Examples:

\b
  netiv webhooks add mautic --site shop --kind mautic

\b
  netiv webhooks add crm --site shop --mapping crm.json --entries /data
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("add")
def add(
    name: str = typer.Argument(help="The webhook's name, as it stands in its address."),
    site: str = typer.Option(..., help="The site whose events it carries."),
    kind: str = typer.Option("generic", help="generic or mautic."),
    mapping: Path | None = typer.Option(None, help='JSON: canonical field -> JSON pointer, or {"const": …} (generic).'),
    entries: str = typer.Option("", help="JSON pointer to the list of entries (generic).", show_default="the body"),
    secret: str | None = typer.Option(None, help="Use this secret.", show_default="a new one"),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """Add a webhook; its secret is shown once.

    Example:

    \b
      netiv webhooks add crm --site shop --mapping crm.json
    """
    import secrets

    import msgspec

    from netiv import atomic_file, configuration, output, sites_change, sites_file, webhooks_file
    from netiv.errors import CommandError
    from schemas.webhooks import NAME, Webhook, Webhooks, dump

    settings = configuration.load(data=data)
    if sites_change.find(sites_file.read(settings.sites_file), site) is None:
        raise CommandError(f"There is no site {site}.", "See the sites with `netiv sites list`, or add it.")
    if not NAME.fullmatch(name) or kind not in {"generic", "mautic"} or (kind == "generic") != (mapping is not None):
        raise CommandError("This is no webhook.", "Give a name, and --mapping FILE or --kind mautic.", code=2)
    try:
        table = msgspec.json.decode(mapping.read_bytes(), type=dict[str, str | dict[str, object]]) if mapping else {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(
            f"The mapping can't be read: {error}", "It is one JSON object of field -> JSON pointer."
        ) from None
    _require_fields(table, entries)
    chosen = secret or f"whsec_{secrets.token_urlsafe(32)}"
    made = Webhook(name, site, chosen, "mautic" if kind == "mautic" else "generic", dict(table), entries)

    def change(webhooks: Webhooks) -> Webhooks:
        if any(one.name == name for one in webhooks.webhooks):
            raise CommandError(f"There is a webhook {name} already.", "Choose another name.")
        return Webhooks([*webhooks.webhooks, made])

    atomic_file.edit(webhooks_file.path_of(settings), webhooks_file.read, change, dump)
    address = f"{configuration.stack_url(settings)}/webhooks/{name}"
    if json:
        output.as_json({"name": name, "site": site, "kind": kind, "address": address, "secret": chosen})
        return
    print(f"Address {address}")
    print(f"Secret  {chosen}")


def _require_fields(mapping: dict[str, str | dict[str, object]], entries: str) -> None:
    """What is misspelled would be lost of every call."""
    from netiv.errors import CommandError
    from netiv.importing.mapping import is_field
    from schemas.event import EVENT_FIELDS, EVENT_TYPES

    wrong = [f"{field} is no field of an event" for field in mapping if not (is_field(field) or field in EVENT_FIELDS)]
    for field, source in mapping.items():
        if isinstance(source, str) and not source.startswith("/"):
            wrong.append(f"{field}: {source!r} is no JSON pointer, which begins with /")
        if isinstance(source, dict) and list(source) != ["const"]:
            wrong.append(f'{field}: an object is {{"const": …}}')
    told = mapping.get("type")
    if mapping and told is None:
        wrong.append("`type` is not mapped")
    if isinstance(told, dict) and "const" in told and told["const"] not in EVENT_TYPES:
        wrong.append(f"{told['const']} is no type of event")
    if entries and not entries.startswith("/"):
        wrong.append(f"--entries {entries!r} is no JSON pointer, which begins with /")
    if wrong:
        raise CommandError(f"The mapping would lose something: {'; '.join(wrong)}.", "Fields: docs/events.md.", code=2)


@app.command("list")
def list_(data: Path | None = options.DATA, json: bool = options.JSON) -> None:
    """List the webhooks, without their secrets.

    Example:

    \b
      netiv webhooks list
    """
    from netiv import configuration, output, webhooks_file

    listed = webhooks_file.read(webhooks_file.path_of(configuration.load(data=data))).webhooks
    if json:
        output.as_json([{"name": one.name, "site": one.site, "kind": one.kind} for one in listed])
        return
    output.show(
        output.Table("Webhooks", ["webhook", "site", "kind"], [[one.name, one.site, one.kind] for one in listed])
    )
