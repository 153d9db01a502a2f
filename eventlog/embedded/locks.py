"""Locks between processes: who may write now, and which process reads for a group. The kernel drops them at kill -9.

Every transaction and every checkpoint runs under the writer lock. That makes waiting fair and free of polling (SQLite's
own busy handler sleeps and starves), and it keeps a commit from ever meeting a checkpoint: SQLite before 3.51.3 can
corrupt the file when they meet at the wrong instant (sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from pathlib import Path
from types import TracebackType

from eventlog.contract import LogError
from eventlog.holding import Held, hold


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class WriterLock:
    """A context manager. Whoever holds `turn` is next, so a busy writer can't overtake one that waits."""

    def __init__(self, folder: Path) -> None:
        self._turn = _open(folder / "turn.lock")
        self._writer = _open(folder / "writer.lock")

    def __enter__(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._writer, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        fcntl.flock(self._writer, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the files back."""
        os.close(self._turn)
        os.close(self._writer)


class ReaderLock:
    """Held while a group's reader lives. Raises `LogError` when another one does."""

    def __init__(self, folder: Path, group: str) -> None:
        slug = re.sub(r"[^A-Za-z0-9_-]", "_", group)[:40]
        digest = hashlib.sha256(group.encode()).hexdigest()[:8]
        try:
            self._fd = hold(folder / f"reader-{slug}-{digest}.lock")
        except Held as held:
            raise LogError(
                f"Group {group!r} already has a reader (process {held.by}) in {folder}",
                "The embedded log allows one reader per group: stop the other one, or use another data folder.",
            ) from None

    def close(self) -> None:
        """Let the next reader in. More than once is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
