"""A small file changed by one writer at a time, atomically: a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from netiv import data_folder
from netiv.errors import CommandError

Content = TypeVar("Content")


def read(path: Path, parse: Callable[[bytes], Content], what: str) -> Content:
    """What a file holds; of one that is not there, what an empty one would. Raises `CommandError`, with its name and `what` it is."""
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return parse(b"")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(
            f"The {what} file {path} can't be read: {error}", "Correct it, or restore it from a copy."
        ) from None


def edit(
    path: Path, read: Callable[[Path], Content], change: Callable[[Content], Content], dump: Callable[[Content], bytes]
) -> Content:
    """Replace the file by `change` of it; returns what it holds now. Concurrent edits wait for one another."""
    data_folder.make(path.parent)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read(path)
        after = change(before)
        if after != before or not path.exists():
            replace(path, dump(after))
        return after
    finally:
        os.close(lock)


def replace(path: Path, content: bytes) -> None:
    """The file has this content, also after a power cut; mode 0600."""
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
