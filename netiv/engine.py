"""Whether the embedded engine is installed, asked without importing it (it is large and starts threads)."""

from __future__ import annotations

import importlib.util

from netiv.errors import CommandError


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
