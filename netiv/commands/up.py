"""`netiv up`: the whole stack on one machine, as one process tree that starts, restarts and drains together."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eventlog.clock import epoch_ms

if TYPE_CHECKING:
    from netiv.child import Role
    from netiv.welcome import Welcome
    from schemas.settings import Settings

HELP = """Run the whole stack on this machine: collector, log, consumers and ClickHouse. No services needed.

Ctrl-C finishes what was accepted, then stops; a second Ctrl-C stops at once (nothing is lost either way).

Examples:

\b
  netiv up

\b
  netiv up --data /var/lib/netiv --port 80 --host 0.0.0.0

\b
  netiv up --clickhouse-user bi --clickhouse-password secret      (BI tools on other machines)
"""
_COLLECTOR_DRAIN_S = 20.0
_CONSUMERS_DRAIN_S = 90.0


def up(
    data: Path | None = typer.Option(None, help="Folder of the log, the tables and the sites.", show_default="./data"),
    host: str | None = typer.Option(None, help="Address to listen on.", show_default="127.0.0.1"),
    port: int | None = typer.Option(None, help="Port of the collector; 0 = any free one.", show_default="8080"),
    clickhouse_port: int | None = typer.Option(
        None, help="ClickHouse HTTP port; 0 = any free one.", show_default="8123"
    ),
    workers: int | None = typer.Option(None, help="Collector processes.", show_default="1"),
    clickhouse_user: str | None = typer.Option(None, help="User for BI tools on other machines."),
    clickhouse_password: str | None = typer.Option(None, help="Its password (or NETIV_CLICKHOUSE_PASSWORD)."),
    json: bool = typer.Option(False, "--json", help="Print addresses and new keys as one JSON document when ready."),
) -> None:
    """See HELP."""
    from netiv import configuration, engine, lock, welcome
    from netiv.demo.keys import obtain_shop
    from netiv.output import as_json
    from netiv.supervisor import Supervisor

    settings = configuration.load(
        data=data, host=host, port=port, clickhouse_port=clickhouse_port, workers=workers,
        clickhouse_user=clickhouse_user, clickhouse_password=clickhouse_password,
    )  # fmt: skip
    if not settings.clickhouse:
        engine.require()
        engine.require_password(settings)
    with lock.hold(settings.data, "up"):
        settings = _with_ports(settings)
        if settings.own_machine_only:
            obtain_shop(settings)

        def announce() -> None:
            message = _welcome(settings)
            with contextlib.suppress(OSError):  # whoever listened is gone, or the disk under it is full
                as_json(message) if json else welcome.show(message)
                sys.stdout.flush()

        code = Supervisor(_roles(settings), _say).run(lambda: _ready(settings), announce)
    sys.exit(code)


def _with_ports(settings: Settings) -> Settings:
    """The settings with ports that are free."""
    from netiv import configuration, ports

    chosen: dict[str, int] = {}
    for name, option, needed in (
        ("port", "--port", True),
        ("clickhouse_port", "--clickhouse-port", not settings.clickhouse),
    ):
        number = getattr(settings, name) or ports.choose(settings.host)
        if needed:
            ports.require_free(settings.host, number, option)
        chosen[name] = number
    if chosen["port"] == chosen["clickhouse_port"] and not settings.clickhouse:
        from netiv.errors import CommandError

        raise CommandError("--port and --clickhouse-port are the same.", "Give two different ports.", code=2)
    return configuration.load(**{**settings.model_dump(), **chosen})


def _roles(settings: Settings) -> list[Role]:
    from netiv import configuration
    from netiv.child import Role

    environment = configuration.environment(settings)
    return [Role("collector", environment, _COLLECTOR_DRAIN_S), Role("consumers", environment, _CONSUMERS_DRAIN_S)]


def _ready(settings: Settings) -> bool:
    """Both the collector and, where it is ours, the ClickHouse port answer."""
    import http.client

    from netiv.configuration import collector_url
    from netiv.http import Client

    asked = [(collector_url(settings), "/readyz")]
    if not settings.clickhouse:
        asked.append((settings.warehouse_url, "/ping"))
    for url, path in asked:
        client = Client(url, timeout_s=2)
        try:
            if client.request("GET", path).status != 200:
                return False
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()
    return True


def _welcome(settings: Settings) -> Welcome:
    """The addresses; and a first site with its keys, where there is none. Asked for when all is ready: keys of a start that ended
    before would never be shown."""
    from netiv import keys, sites_change, sites_file
    from netiv.configuration import collector_url, variables_for_others
    from netiv.demo.keys import SHOP
    from netiv.welcome import Welcome
    from schemas.sites import Sites

    made: dict[str, str] = {}

    def first_site(sites: Sites) -> Sites:
        if any(site.name != SHOP for site in sites.sites):
            return sites
        made.update(site="default", write_key=keys.write_key(), secret_key=keys.secret_key())
        wanted = sites_change.Wanted(made["site"], made["write_key"], made["secret_key"])
        return sites_change.add(sites, wanted, epoch_ms())

    sites_file.edit(settings.sites_file, first_site)
    return Welcome(
        collector=collector_url(settings),
        clickhouse=settings.warehouse_address.url,
        database=settings.database,
        demo=f"{collector_url(settings)}/demo" if settings.own_machine_only else "",
        data=str(settings.data.resolve()),
        pid=os.getpid(),
        variables=variables_for_others(settings),
        **made,
    )


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # as above
        print(f"netiv: {text}", file=sys.stderr, flush=True)
