"""`netiv report`: what the tables say, in the terminal, as JSON or as CSV."""

from __future__ import annotations

import typer

from netiv.commands import options, report_journeys, report_person

HELP = """Reports over the ClickHouse views: conversion paths, channels, attribution, stages, journeys.

Examples:

\b
  netiv report paths --site shop --since 30d

\b
  netiv report channels --csv > channels.csv

\b
  netiv report attribution --model linear --by campaign --json
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("paths")
def paths(
    site: str = options.SITE, since: str | None = options.SINCE, until: str | None = options.UNTIL, limit: int = options.LIMIT,
    conversion: str = options.CONVERSION, clickhouse_url: str | None = options.CLICKHOUSE_URL, json: bool = options.JSON, csv: bool = options.CSV,
) -> None:  # fmt: skip
    """The paths of channels that led to most conversions.

    Example:

    \b
      netiv report paths --since 2026-01-01 --limit 10
    """
    _run(
        "paths",
        "Top conversion paths",
        (site, since, until, limit, conversion),
        clickhouse_url,
        "json" if json else "csv" if csv else "",
    )


@app.command("channels")
def channels(
    site: str = options.SITE, since: str | None = options.SINCE, until: str | None = options.UNTIL, limit: int = options.LIMIT,
    conversion: str = options.CONVERSION, clickhouse_url: str | None = options.CLICKHOUSE_URL, json: bool = options.JSON, csv: bool = options.CSV,
) -> None:  # fmt: skip
    """Sessions, touchpoints, conversions (last touch) and revenue by channel.

    Example:

    \b
      netiv report channels --site shop --csv
    """
    _run(
        "channels",
        "Channels",
        (site, since, until, limit, conversion),
        clickhouse_url,
        "json" if json else "csv" if csv else "",
    )


# Options that say how a model gives its credits.
_OF_MODELS = ("by", "lookback", "half_life", "position", "transform", "order", "currency")
# Those of one model only: they say which is meant.
_OF_ONE = {"half_life": "time_decay", "position": "position", "order": "markov"}


@app.command("attribution")
def attribution(
    context: typer.Context,
    model: str = typer.Option("", help="first, last, last_non_direct, linear, position, time_decay, markov, shapley.",
                              show_default="first, last and linear side by side; that of --half-life, --position or --order"),
    by: str = typer.Option("channel", help="channel, campaign, source, node or stage."),
    site: str = options.SITE, since: str | None = options.SINCE, until: str | None = options.UNTIL,
    lookback: str = typer.Option("", help="Touches at most this long before: 30d.", show_default="the rules'"),
    half_life: str = typer.Option("7d", help="Of time_decay."),
    position: str = typer.Option("40,20,40", help="Weights of first, middle, last."),
    transform: str = typer.Option("", help="collapse, first or drop_direct.", show_default="none"),
    order: int = typer.Option(1, min=1, max=2, help="Of the Markov chain."),
    currency: str = typer.Option("", help="Turn amounts into this, by the rates table.", show_default="as they are"),
    limit: int = options.LIMIT, conversion: str = options.CONVERSION,
    clickhouse_url: str | None = options.CLICKHOUSE_URL, json: bool = options.JSON, csv: bool = options.CSV,
) -> None:  # fmt: skip
    """Conversions and revenue by channel, campaign, source, node or stage under one model, beside what they cost.

    Without --model: revenue by channel under three models; only --site, --since, --until, --conversion and --limit count.
    Every conversion's credits sum to its value.

    Examples:

    \b
      netiv report attribution --since 90d

    \b
      netiv report attribution --model time_decay --half-life 1d --by campaign

    \b
      netiv report attribution --model markov --order 2 --transform collapse --json
    """
    form = "json" if json else "csv" if csv else ""
    given = _given(context)
    if not model and len(meant := [_OF_ONE[name] for name in given if name in _OF_ONE]) == 1:
        (model,) = meant
    if not model:
        _refuse_without_model(given)
        _run("attribution", "Attribution", (site, since, until, limit, conversion), clickhouse_url, form)
        return
    from netiv.credits import Credits, show
    from netiv.report_run import Asked

    wanted = Credits(model, by, lookback, half_life, position, transform, order, currency)
    show(wanted, Asked(site, since, until, limit, conversion, clickhouse_url, form))


def _given(context: typer.Context) -> list[str]:
    """The options of models that stand on the command line."""
    sources = {name: context.get_parameter_source(name) for name in _OF_MODELS}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def _refuse_without_model(given: list[str]) -> None:
    from netiv.errors import CommandError

    if given:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CommandError(
            f"{told} {'needs' if len(given) == 1 else 'need'} a model.",
            "Add --model linear (or another); without one only --site, --since, --until, --conversion and --limit count.",
            code=2,
        )


def _run(
    name: str, title: str, filters: tuple[str, str | None, str | None, int, str], url: str | None, form: str
) -> None:
    from netiv.report_run import Asked, show

    show(name, title, Asked(*filters, url, form))


report_journeys.add(app)
report_person.add(app)
