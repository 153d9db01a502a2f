"""The sites file on disk: read, and changed by one writer at a time, atomically.

A reader sees the old file or the new one, never half of either; a writer that dies changes nothing.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from netiv.errors import CommandError
from schemas.sites import Sites, dump, parse

Change = Callable[[Sites], Sites]


def read(path: Path) -> Sites:
    """The sites; none when there is no file yet."""
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return Sites()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(
            f"The sites file {path} can't be read: {error}", "Correct it, or restore it from a copy."
        ) from None


def edit(path: Path, change: Change) -> Sites:
    """Replace the file by `change` of it; returns what it holds now. Concurrent edits wait for one another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read(path)
        after = change(before)
        if after != before or not path.exists():
            _replace(path, dump(after))
        return after
    finally:
        os.close(lock)


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself must survive power loss
    finally:
        os.close(folder)
