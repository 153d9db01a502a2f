"""The `netiv` command: puts the commands together and turns expected errors into two lines and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage. Importing this must stay cheap: commands import what they need when run.
"""

from __future__ import annotations

import sys

import typer

from netiv.commands import (
    collector,
    consumers,
    demo,
    dev,
    doctor,
    erase,
    export_person,
    import_,
    links,
    migrate,
    rebuild,
    replay,
    report,
    report_bad,
    rules,
    sites,
    unlink,
    up,
    wait,
    webhooks,
)

HELP = """Netiv collects every marketing touchpoint and keeps the paths to each conversion in ClickHouse.

Start here:

\b
  netiv up                        the whole stack on this machine
  netiv demo                      300 people's journeys, sent through it and checked
  netiv report paths              the paths that led to conversions
  netiv sites add shop            a site of your own, with its keys
  netiv doctor                    what is wrong and how to fix it

Settings come from options, then NETIV_* variables, then netiv.toml in this folder.
"""

app = typer.Typer(
    name="netiv",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("netiv")
        except PackageNotFoundError:
            number = "0 (not installed)"
        print(f"netiv {number}")
        raise typer.Exit


@app.callback()
def _root(
    _: bool = typer.Option(False, "--version", "-V", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    pass


app.command("up", help=up.HELP)(up.up)
app.command("collector", help=collector.HELP)(collector.collector)
app.command("consumers", help=consumers.HELP)(consumers.consumers)
app.command("migrate", help=migrate.HELP)(migrate.migrate)
app.add_typer(sites.app, name="sites", help=sites.HELP)
app.add_typer(links.app, name="links", help=links.HELP)
app.add_typer(webhooks.app, name="webhooks", help=webhooks.HELP)
app.command("import", help=import_.HELP)(import_.import_)
app.command("demo", help=demo.HELP)(demo.demo)
app.add_typer(rules.app, name="rules", help=rules.HELP)
app.command("rebuild", help=rebuild.HELP)(rebuild.rebuild)
app.add_typer(report.app, name="report", help=report.HELP)
app.command("unlink", help=unlink.HELP)(unlink.unlink)
app.command("erase", help=erase.HELP)(erase.erase)
app.command("export-person", help=export_person.HELP)(export_person.export_person)
report.app.command("bad")(report_bad.bad)
app.command("replay", help=replay.HELP)(replay.replay)
app.command("wait", help=wait.HELP)(wait.wait)
app.command("doctor", help=doctor.HELP)(doctor.doctor)
app.add_typer(dev.app, name="dev", help=dev.HELP)


def run() -> None:
    """The console script."""
    from netiv import standard_streams
    from netiv.errors import explain, show

    standard_streams.open_closed()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        show(known)
        sys.exit(known.code)
