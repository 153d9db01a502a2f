"""One process per data folder: an advisory lock, so that a second one is told what to do (the engine only says
"BAD_ARGUMENTS"). The kernel lets go when the process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from consumers.warehouse.contract import WarehouseError


class FolderLock:
    """Held from construction to `release`. Raises `WarehouseError` when someone else holds it."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise WarehouseError(
                f"The tables in {folder} are open in another process (pid {holder}). Stop that one, or ask it over its "
                "ClickHouse HTTP port (set NETIV_CLICKHOUSE=http://127.0.0.1:8123), or choose another NETIV_DATA."
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
