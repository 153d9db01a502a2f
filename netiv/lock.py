"""One process per data folder and role: an advisory lock that the kernel releases however its holder dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from eventlog import holding
from netiv import data_folder
from netiv.errors import CommandError


@contextlib.contextmanager
def hold(folder: Path, role: str) -> Iterator[None]:
    """Hold the folder for `role` while the block runs. Raises, naming the other process, when it is held."""
    data_folder.make(folder)
    try:
        handle = holding.hold(_path(folder, role))
    except holding.Held as held:
        raise CommandError(
            f"The data folder {folder} is in use by another `netiv {role}` (pid {held.by}).",
            f"Stop it (kill {held.by}), or choose another folder with --data.",
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def holder(folder: Path, role: str) -> int | None:
    """The process that holds the folder for `role`, if one does."""
    return holding.holder(_path(folder, role))


def _path(folder: Path, role: str) -> Path:
    return folder / f".{role}.lock"
