"""A file that one process at a time holds, which says by its number which one. The kernel lets go however the holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_NUMBER_BYTES = 32


class Held(Exception):
    """Another process has it; `by` is its number, for messages ("unknown": it has not said yet)."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


def hold(path: Path, mode: int = 0o600) -> int:
    """The descriptor; whoever closes it lets go. Raises `Held`, or `OSError` where there can be no such file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        by = _said(descriptor) or "unknown"
        os.close(descriptor)
        raise Held(by) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def holder(path: Path) -> int | None:
    """The number of the process that holds it (0 = it has not said yet); None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = _said(descriptor)
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(descriptor)


def _said(descriptor: int) -> str:
    return os.pread(descriptor, _NUMBER_BYTES, 0).decode("ascii", "replace").strip()
