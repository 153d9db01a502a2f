"""The sites file on disk: read, and changed by one writer at a time, atomically."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from netiv import atomic_file
from schemas.sites import Sites, dump, parse

Change = Callable[[Sites], Sites]


def read(path: Path) -> Sites:
    """The sites; none when there is no file yet."""
    return atomic_file.read(path, parse, "sites")


def edit(path: Path, change: Change) -> Sites:
    """Replace the file by `change` of it; returns what it holds now. Concurrent edits wait for one another."""
    return atomic_file.edit(path, read, change, dump)
