"""The links file on disk, beside the sites file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from netiv import atomic_file
from schemas.links import FILE_NAME, Links, dump, parse

if TYPE_CHECKING:
    from schemas.settings import Settings


def path_of(settings: Settings) -> Path:
    """Where the links are kept."""
    return settings.sites_file.with_name(FILE_NAME)


def read(path: Path) -> Links:
    """The links; none when there is no file yet."""
    return atomic_file.read(path, parse, "links")


def edit(path: Path, change: Callable[[Links], Links]) -> Links:
    """Replace the file by `change` of it."""
    return atomic_file.edit(path, read, change, dump)
