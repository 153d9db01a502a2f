"""The sites file on disk: read, and changed by one writer at a time, atomically."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from netiv import atomic_file
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
    return atomic_file.edit(path, read, change, dump)
