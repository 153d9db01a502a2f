"""The webhooks file on disk, beside the sites file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from netiv.errors import CommandError
from schemas.webhooks import FILE_NAME, Webhooks, parse

if TYPE_CHECKING:
    from schemas.settings import Settings


def path_of(settings: Settings) -> Path:
    """Where the webhooks are kept."""
    return settings.sites_file.with_name(FILE_NAME)


def read(path: Path) -> Webhooks:
    """The webhooks; none when there is no file yet."""
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return Webhooks()
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(
            f"The webhooks file {path} can't be read: {error}", "Correct it, or restore it from a copy."
        ) from None
