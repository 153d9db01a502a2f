"""What the embedded engine needs before it starts, asked without importing it (it is large and starts threads)."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from netiv.errors import CommandError

if TYPE_CHECKING:
    from schemas.settings import Settings


def require() -> None:
    """Raise when chDB is not installed."""
    try:
        found = importlib.util.find_spec("chdb") is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        raise CommandError(
            "The embedded ClickHouse engine (chdb) is not installed.",
            "Install it with: pip install 'netiv[embedded]', or point NETIV_CLICKHOUSE at a server.",
        )


def require_password(settings: Settings) -> None:
    """Raise when the user for other machines has no password: who knows the name would read everything."""
    if settings.clickhouse_user and not settings.clickhouse_password:
        raise CommandError(
            f"The ClickHouse user {settings.clickhouse_user!r} has no password; other machines need both.",
            "Set NETIV_CLICKHOUSE_PASSWORD, or leave out --clickhouse-user (NETIV_CLICKHOUSE_USER).",
            code=2,
        )
