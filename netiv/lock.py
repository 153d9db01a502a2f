"""One process per data folder and role: an advisory lock that the kernel releases however its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from netiv import data_folder
from netiv.errors import CommandError


@contextlib.contextmanager
def hold(folder: Path, role: str) -> Iterator[None]:
    """Hold the folder for `role` while the block runs. Raises, naming the other process, when it is held."""
    data_folder.make(folder)
    handle = os.open(folder / f".{role}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, folder, role)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path, role: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise CommandError(
            f"The data folder {folder} is in use by another `netiv {role}` (pid {holder}).",
            f"Stop it (kill {holder}), or choose another folder with --data.",
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)


def holder(folder: Path, role: str) -> int | None:
    """The process that holds the folder for `role`, if one does."""
    try:
        handle = os.open(folder / f".{role}.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(handle)
