"""`netiv import`: offline conversions, CRM events and advertising costs of a CSV or JSON Lines file."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from netiv.commands import options

HELP = """Import a CSV or JSON Lines file (gzip or not): store purchases, calls, CRM stages, touches, advertising costs.

Columns are known by their usual names (user_id, email, phone, loyalty_id, gclid, date, value, currency, order_id, …) or by --map;
others are kept as properties. The same file twice changes nothing; an import that was interrupted goes on. Rows that are
refused stand in FILE.rejected.csv with the reason.

A file with a day and a cost and nobody in it is a report of advertising costs: date, cost, currency, channel, source, medium, campaign,
impressions, clicks, account. A day of an account (else source, else channel) is replaced as a whole by what is imported later.

Examples:

\b
  netiv import store.csv --secret-key sk_… --name "store purchase" --timezone Asia/Jerusalem

\b
  netiv import crm.jsonl.gz --secret-key sk_… --type track --map "lead=identifiers.crm_id"

\b
  netiv import google-ads-november.csv --secret-key sk_… --account google
"""


def import_(
    file: Path = typer.Argument(help="The file."),
    secret_key: str = typer.Option(..., envvar="NETIV_SECRET_KEY", help="The site's secret key."),
    map_: list[str] = typer.Option([], "--map", help="COLUMN=FIELD (a dash leaves the column out); again for more."),
    type_: str = typer.Option("conversion", "--type", help="Type of rows that name none."),
    name: str | None = typer.Option(None, help="Name of rows that name none."),
    timezone: str = typer.Option("UTC", help="Zone of dates without one (IANA)."),
    date_format: str | None = typer.Option(None, help="strptime format of dates.", show_default="ISO 8601, 31/12/2026"),
    encoding: str | None = typer.Option(None, help="Encoding.", show_default="UTF-8, else Windows-1255"),
    delimiter: str | None = typer.Option(None, help="CSV delimiter.", show_default="found in the header"),
    costs: bool | None = typer.Option(
        None, "--costs/--events", help="What the rows are.", show_default="as the columns look"
    ),
    account: str = typer.Option(
        "", help="Account of costs that name none.", show_default="the source, else the channel"
    ),
    url: str | None = options.URL,
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    import msgspec

    from netiv import configuration, output
    from netiv.errors import CommandError
    from netiv.http import Client
    from netiv.importing import cost_run, rows, run
    from netiv.importing.bar import bar
    from netiv.importing.costs import looks_like_costs
    from netiv.importing.mapping import Rules

    columns = dict(_pair(one) for one in map_)
    delimiter = _delimiter(delimiter)
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise CommandError(
            f"{timezone} is no time zone.", "Use an IANA name, such as Asia/Jerusalem.", code=2
        ) from None
    rules = Rules(columns, zone, type_, name, date_format)
    reading = rows.reading_of(file)
    plan = run.Plan(file, _encoding(encoding) or reading.encoding, delimiter, rules, secret_key, account)
    _require_columns(columns, rows.columns_of(file, plan.encoding, delimiter))
    if costs is None:
        costs = looks_like_costs(cost_run.columns_of(plan), columns)
    client = Client(configuration.stack_url(configuration.load(url=url)), timeout_s=60)
    try:
        with bar(file.name, reading.lines) as on_row:
            summary = (cost_run if costs else run).run(plan, client, on_row)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on where this one stopped.", file=sys.stderr)
        raise
    finally:
        client.close()
    if json:
        output.as_json(msgspec.to_builtins(summary))
    else:
        figures = msgspec.to_builtins(summary)
        what = "Costs" if costs else "Import"
        output.show(output.Table(f"{what} of {file.name}", list(figures), [list(figures.values())]))
        if summary.rejected:
            print(f"Refused rows: {file}.rejected.csv", file=sys.stderr)
    if summary.rejected:
        raise typer.Exit(1)


def _pair(text: str) -> tuple[str, str]:
    from netiv.errors import CommandError

    column, equals, field = text.rpartition("=")
    if not equals or not column or not field:
        raise CommandError(f"--map {text!r} is no COLUMN=FIELD.", 'Write, for example, --map "Client=user_id".', code=2)
    return column, field


def _delimiter(text: str | None) -> str | None:
    from netiv.errors import CommandError

    one = "\t" if text == "\\t" else text
    if one and (len(one) > 1 or one in '"\r\n'):
        raise CommandError(f"{text!r} is no delimiter.", r"Give one character, such as ; or \t.", code=2)
    return one


def _encoding(name: str | None) -> str | None:
    import codecs

    from netiv.errors import CommandError

    try:
        return name and codecs.lookup(name).name
    except LookupError:
        raise CommandError(
            f"There is no encoding {name}.", "Such as utf-8, utf-16, windows-1255, latin-1.", code=2
        ) from None


def _require_columns(given: dict[str, str], header: list[str] | None) -> None:
    """What `--map` names must be there: misspelled, it would lose what the column says, of every row."""
    from netiv.errors import CommandError
    from netiv.importing import costs
    from netiv.importing.mapping import is_field

    for column, field in given.items():
        if field != "-" and not is_field(field) and field not in costs.FIELDS:
            raise CommandError(
                f"--map: there is no field {field!r}.",
                "Fields: docs/events.md; others go under properties.NAME.",
                code=2,
            )
        if header is not None and column not in header:
            raise CommandError(f"--map: there is no column {column!r}.", f"There are: {', '.join(header)}.", code=2)
