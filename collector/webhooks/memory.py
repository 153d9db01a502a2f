"""Which calls were received: kept for longer than the window of their signatures, also across a restart and workers."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Final

from schemas.webhooks import WINDOW_S

# Mautic's signature has no time in it, so this is what stands between it and a replay for a day; later ones meet the
# same event ids in the tables and change nothing.
KEPT_S: Final = max(24 * 3_600, 2 * WINDOW_S)


class Memory:
    """A small file. Calls are rare; each opens it anew, so that no connection is shared among threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seen(self, name: str, signature: str, now_s: float) -> bool:
        """Whether this call was received before."""
        if not self._path.exists():
            return False
        connection = self._open()
        try:
            found = connection.execute(
                "SELECT 1 FROM calls WHERE digest = ? AND received_at > ?", (_digest(name, signature), now_s - KEPT_S)
            ).fetchone()
        finally:
            connection.close()
        return found is not None

    def remember(self, name: str, signature: str, now_s: float) -> None:
        """This call is durable."""
        connection = self._open()
        try:
            with connection:
                connection.execute("DELETE FROM calls WHERE received_at <= ?", (now_s - KEPT_S,))
                connection.execute("INSERT OR IGNORE INTO calls VALUES (?, ?)", (_digest(name, signature), now_s))
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=10)
        connection.execute("CREATE TABLE IF NOT EXISTS calls (digest BLOB PRIMARY KEY, received_at REAL) WITHOUT ROWID")
        return connection


def _digest(name: str, signature: str) -> bytes:
    return hashlib.sha256(f"{name}\x1f{signature}".encode()).digest()
