"""`netiv demo`: sends a shop's journeys to a running stack, and checks what it derives against the truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netiv.commands import options

if TYPE_CHECKING:
    from netiv.clickhouse import ClickHouse
    from netiv.demo.run import Order, Outcome
    from netiv.demo.simulate import World
    from netiv.output import Table

HELP = """Send 60 days of a shop's customer journeys to a running stack, and compare what it derives with the truth.

The journeys come from a seed, go through the real HTTP endpoints (batches, single posts, pixels), late, out of
order and some of them twice. Exit 1 when anything differs from the truth.

Examples:

\b
  netiv up        (in one terminal)

\b
  netiv demo      (in another, same folder)

\b
  netiv demo --persons 3000 --seed 8 --truth truth.json
"""


def demo(
    url: str | None = options.URL,
    clickhouse_url: str | None = options.CLICKHOUSE_URL,
    seed: int = typer.Option(7, help="Another seed, other journeys."),
    persons: int = typer.Option(300, min=1, max=100_000, help="How many customers."),
    data: Path | None = typer.Option(
        None, help="The stack's data folder: where the demo's site is made.", show_default="./data"
    ),
    write_key: str | None = typer.Option(None, help="Write key of an existing site, for a stack elsewhere."),
    secret_key: str | None = typer.Option(None, help="Its secret key."),
    site: str | None = typer.Option(None, help="Its name.", show_default="demo"),
    truth: Path | None = typer.Option(None, help="Write the truth to this file (JSON)."),
    tolerance: float = typer.Option(0.0, min=0, max=100, help="Accept so many percent of difference."),
    timeout: str = typer.Option("180s", help="How long to wait until derived."),
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    from datetime import UTC, datetime

    from netiv import clickhouse, configuration, durations
    from netiv.demo.keys import SITE, obtain
    from netiv.demo.run import Order
    from netiv.demo.sender import Keys
    from netiv.errors import CommandError

    settings = configuration.load(url=url, data=data)
    if (write_key is None) != (secret_key is None):
        raise CommandError(
            "Give both --write-key and --secret-key, or neither.", "The demo sends as browsers and as a server.", code=2
        )
    keys = Keys(write_key, secret_key) if write_key and secret_key else obtain(settings)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    order = Order(
        configuration.stack_url(settings), keys, site or SITE, seed, persons, midnight, durations.seconds(timeout)
    )
    warehouse = clickhouse.of(settings, clickhouse_url)
    world, outcome = _play(order, warehouse)
    if truth is not None:
        import msgspec

        truth.write_bytes(msgspec.json.encode(world.truth))
    tables = _tables(warehouse, order.site)
    warehouse.close()
    _as_json(order, outcome, tables) if json else _as_text(outcome, tables)
    if outcome.missed:
        raise CommandError(
            f"Persons of the hard cases: {outcome.missed[0].metric} {outcome.missed[0].percent} %, "
            f"wanted {outcome.missed[0].wanted:g} %.",
            "This is a bug of Netiv: please report the lines above.",
        )
    if outcome.agreement < 100 - tolerance:
        raise CommandError(
            f"What was derived differs from the truth: {outcome.agreement} % at worst.",
            "This is a bug of Netiv: please report the lines above.",
        )


def _play(order: Order, warehouse: ClickHouse) -> tuple[World, Outcome]:
    """Play it under a progress bar on stderr (none where nobody looks)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from netiv.demo.run import play

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        return play(order, warehouse, show)


def _tables(warehouse: ClickHouse, site: str) -> list[Table]:
    from netiv import reports
    from netiv.demo.channels import SALES
    from netiv.reports import Filters, forever

    since, until = forever()
    return [
        reports.run(warehouse, "paths", "Top paths to a sale", Filters(site, since, until, 10, SALES)),
        reports.run(
            warehouse, "attribution", "Attribution: revenue by channel, ILS", Filters(site, since, until, 30, SALES)
        ),
    ]


def _as_json(order: Order, outcome: Outcome, tables: list[Table]) -> None:
    from netiv import output

    paths, attribution = (output.records(table) for table in tables)
    output.as_json({
        "seed": order.seed, "persons": order.persons, "site": order.site,
        "sent": outcome.counts, "sent_s": outcome.sent_s, "derived_s": outcome.derived_s,
        "agreement": outcome.lines, "agreement_worst": outcome.agreement, "persons_hard": outcome.scores, "paths": paths, "attribution": attribution,
    })  # fmt: skip


def _as_text(outcome: Outcome, tables: list[Table]) -> None:
    from netiv import output

    counts = outcome.counts
    print(f"Sent {counts.events:,} events in {counts.requests:,} requests in {outcome.sent_s:.1f} s")
    print(f"(the collector itself knew {counts.duplicates:,} of them as duplicates);")
    print(f"derived {outcome.derived_s:.1f} s after the last answer.\n")
    for reason in counts.rejected[:5]:
        print(f"rejected: {reason}", file=sys.stderr)
    rows: list[list[Any]] = [[line.metric, line.truth, line.derived, f"{line.agreement:g} %"] for line in outcome.lines]
    rows = [
        [name, *(int(number) if number == int(number) else number for number in numbers), share]
        for name, *numbers, share in rows
    ]
    output.show(output.Table("Truth and tables", ["metric", "truth", "derived", "agreement"], rows))
    for line in outcome.lines:
        for difference in line.differences:
            print(f"  {line.metric}: {difference}")
    hard = [
        [one.metric, one.pairs, f"{one.percent:g} %", f"{one.wanted:g} %" if one.wanted else ""]
        for one in outcome.scores
    ]
    title = "Persons in hard cases: shared devices, cleared cookies, several addresses, late CRM links"
    output.show(output.Table(title, ["pairs of events", "pairs", "share", "wanted"], hard))
    for table in tables:
        output.show(table)
