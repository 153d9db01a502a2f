"""`netiv migrate`: create or upgrade the ClickHouse tables and the topics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netiv.commands import options

if TYPE_CHECKING:
    from schemas.settings import Settings

HELP = """Create or upgrade the ClickHouse tables and the topics. Safe to run again; `netiv up` does it by itself.

Examples:

\b
  NETIV_CLICKHOUSE=https://user:secret@ch:8443 netiv migrate

\b
  netiv migrate --data ./data        (embedded engine; stop `netiv up` first)
"""


def migrate(
    data: Path | None = options.DATA,
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    from netiv import configuration, engine, lock, output

    settings = configuration.load(data=data)
    if settings.clickhouse:
        applied = _migrate(settings)
    else:
        engine.require()
        with lock.hold(settings.data, "consumers"):
            applied = _migrate(settings)
    if json:
        output.as_json({"database": settings.database, "applied": applied})
        return
    for name in applied:
        print(f"applied {name}")
    print(f"The tables of database {settings.database} are up to date.")


def _migrate(settings: Settings) -> list[str]:
    from collector.logs import configure
    from consumers.app import migrate as run

    configure()
    return run(settings)
