"""One process per data folder: an advisory lock, so that a second one is told what to do (the engine only says
"BAD_ARGUMENTS")."""

from __future__ import annotations

import os
from pathlib import Path

from consumers.warehouse.contract import WarehouseError
from eventlog.holding import Held, hold


class FolderLock:
    """Held from construction to `release`. Raises `WarehouseError` when someone else holds it."""

    def __init__(self, folder: Path) -> None:
        try:
            self._file = hold(folder / "lock", 0o644)
        except Held as held:
            raise WarehouseError(
                f"The tables in {folder} are open in another process (pid {held.by}). Stop that one, or ask it over its "
                "ClickHouse HTTP port (set NETIV_CLICKHOUSE=http://127.0.0.1:8123), or choose another NETIV_DATA."
            ) from None

    def release(self) -> None:
        """Let go; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
