"""The webhooks file on disk, beside the sites file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netiv import atomic_file
from schemas.webhooks import FILE_NAME, Webhooks, parse

if TYPE_CHECKING:
    from schemas.settings import Settings


def path_of(settings: Settings) -> Path:
    """Where the webhooks are kept."""
    return settings.sites_file.with_name(FILE_NAME)


def read(path: Path) -> Webhooks:
    """The webhooks; none when there is no file yet."""
    return atomic_file.read(path, parse, "webhooks")
