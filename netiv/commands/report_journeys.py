"""`netiv report stages|rounds|effects|lengths|lag|assisted|overlap|customers|days|devices|cohorts`: one table of reports, one way to run them."""

from __future__ import annotations

import typer

from netiv.commands import options

# name -> (title, what it tells)
REPORTS = {
    "stages": (
        "Stages",
        "Persons per stage of the stage models, and where they drop off, by what they did in the window.",
    ),
    "rounds": ("Rounds", "The journey is a circle: stages of the first round, of the second, and so on."),
    "effects": (
        "Channel effects",
        "Removal effects (markov) and Shapley values of channels, before they become credits.",
    ),
    "lengths": ("Path length", "How many touches lead to a conversion."),
    "lag": ("Time lag", "Days from the first touch to the conversion."),
    "assisted": ("Assisted conversions", "Conversions a channel closed, and those it helped without closing them."),
    "overlap": ("Channel overlap", "Which channels meet on one path."),
    "customers": ("New and returning customers", "First conversions and further ones."),
    "days": ("Days to convert", "Mean, median and the slow tenth, for new and returning customers."),
    "devices": ("Devices per path", "On how many devices the journeys to a conversion ran."),
    "cohorts": ("Cohorts", "Persons by the month and channel of their first touch, and what they brought afterwards."),
}
# A stage model without its last stages, or a distribution without its tail, would mislead.
WHOLE = frozenset({"stages", "rounds", "lengths", "lag", "cohorts", "days", "customers", "devices"})


def add(app: typer.Typer) -> None:
    """Register a command for each."""
    for name in REPORTS:
        _add(app, name)


def _add(app: typer.Typer, name: str) -> None:
    title, tells = REPORTS[name]
    limit_option = options.LIMIT_WHOLE if name in WHOLE else options.LIMIT

    def command(
        site: str = options.SITE, since: str | None = options.SINCE, until: str | None = options.UNTIL,
        limit: int = limit_option, clickhouse_url: str | None = options.CLICKHOUSE_URL, json: bool = options.JSON,
        csv: bool = options.CSV,
    ) -> None:  # fmt: skip
        from netiv.report_run import Asked, show

        show(
            name, title, Asked(site, since, until, limit, "", clickhouse_url, "json" if json else "csv" if csv else "")
        )

    app.command(name, help=f"{tells}\n\nExample:\n\n\b\n  netiv report {name} --site shop --json\n")(command)
