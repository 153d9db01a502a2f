"""`netiv rules check|diff|publish`: own rule files, checked, tried beside the tables, put in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netiv.commands import options

if TYPE_CHECKING:
    from consumers.rules.difference import Difference
    from schemas.settings import Settings

HELP = """Rules for channels, sessions, conversions, stages, identity, referrers: check them, see what they would change, publish them.

A folder holds only the files you change (channels.yaml, sessions.yaml, conversions.yaml, stages.yaml, identity.yaml,
referrers.csv, continuity.csv, currencies.csv); the others are as shipped.

Examples:

\b
  netiv rules check my-rules

\b
  netiv rules diff my-rules

\b
  netiv rules publish my-rules
"""
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_FOLDER = typer.Argument(None, help="Folder of rule files.", show_default="the rules in force")


@app.command("check")
def check(folder: Path | None = _FOLDER, data: Path | None = options.DATA, json: bool = options.JSON) -> None:
    """Check rule files; every problem with its line. Exit 1 when there are any.

    Example:

    \b
      netiv rules check my-rules
    """
    from consumers.rules.check import check as problems_of
    from netiv import configuration, output

    where = folder or configuration.load(data=data).rules_folder
    if folder:
        _must_exist(folder)
    problems = problems_of(where)
    if json:
        output.as_json(problems)
    else:
        for problem in problems:
            print(problem)
        print(f"{len(problems)} problems." if problems else "The rules are in order.")
    if problems:
        raise typer.Exit(1)


@app.command("diff")
def diff(
    folder: Path = typer.Argument(..., help="Folder of rule files."),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """How many sessions, touchpoints and how much revenue would move, by channel. Nothing is changed.

    A running `netiv up` works it out beside the stream. Example:

    \b
      netiv rules diff my-rules
    """
    from netiv import configuration, output

    settings = configuration.load(data=data)
    _must_be_right(folder)
    found = _difference(settings, folder)
    if json:
        output.as_json(found)
        return
    if not found.channels:
        print("There are no sessions and touchpoints to compare.")
        return
    columns = list(found.channels[0].__struct_fields__)
    rows = [[getattr(change, column) for column in columns] for change in found.channels]
    output.show(output.Table("Now and under these rules", columns, rows))
    print(told(found))


@app.command("publish")
def publish(
    folder: Path = typer.Argument(..., help="Folder of rule files."),
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """Put rules in force and re-derive all of history under them. Readers see the old tables until the new are whole.

    A running `netiv up` does it beside the stream and goes on under the new rules. Before the first start, the rules are put
    where it will find them. Example:

    \b
      netiv rules publish my-rules
    """
    from consumers.rules.install import install
    from netiv import configuration, data_folder, output
    from netiv.rebuilding import publish as run
    from netiv.rebuilding import require_all

    settings = configuration.load(data=data)
    _must_be_right(folder)
    if not data_folder.has_warehouse(settings):
        install(folder, settings.rules_folder)
        if json:
            output.as_json({"folder": str(settings.rules_folder), "visitors": None})
            return
        print(
            f"Put into {settings.rules_folder}. There is no warehouse in {settings.data} yet: it will start under them."
        )
        return
    done = run(settings, folder)
    if json:
        output.as_json({"folder": str(settings.rules_folder), "visitors": done.count, "set_aside": done.aside})
    else:
        print(f"Published to {settings.rules_folder}; {done.count:,} visitors re-derived.")
    require_all(done)


def told(found: Difference) -> str:
    """What would move, in words; `found` has channels."""
    moved = f"{found.moved:,} touchpoints would change their channel or kind, appear or disappear."
    revalued = sum(change.revenue != change.revenue_then for change in found.channels)
    if found.moved or not revalued:
        return moved
    return f"{moved} The revenue of {revalued:,} channel{'s' if revalued > 1 else ''} would change all the same."


def _difference(settings: Settings, folder: Path) -> Difference:
    import msgspec

    from consumers.rules.difference import Difference
    from consumers.rules.requests import TryRules
    from netiv import working

    request = TryRules(str(folder.resolve()))
    done = working.asked_of_running(settings, request, "Deriving under these rules")
    if done is not None:
        return msgspec.json.decode(done.told, type=Difference)

    def work(show: working.Show) -> Difference:
        from consumers.rules.publishing import difference_of

        return difference_of(settings, folder, show)

    return working.here(settings, "Deriving under these rules", work)


def _must_exist(folder: Path) -> None:
    from consumers.rules.check import check as problems_of
    from consumers.rules.check import own_files
    from consumers.rules.files import NAMES
    from netiv.errors import CommandError

    if not folder.is_dir():
        raise CommandError(f"{folder} is no folder.", "Name the folder that holds your rule files.", code=2)
    # misspelled names are problems of their own
    if not own_files(folder) and not problems_of(folder):
        raise CommandError(f"There is no rule file in {folder}.", f"Rule files are {', '.join(NAMES)}.", code=2)


def _must_be_right(folder: Path) -> None:
    from consumers.rules.check import check as problems_of
    from netiv.errors import CommandError

    _must_exist(folder)
    if problems := problems_of(folder):
        raise CommandError(f"{problems[0]} ({len(problems)} in all)", f"Run `netiv rules check {folder}`.")
