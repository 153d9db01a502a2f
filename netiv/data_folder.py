"""The data folder: made where it may be, refused in words where it can't be, never made by commands that only work on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netiv.errors import CommandError

if TYPE_CHECKING:
    from schemas.settings import Settings


def make(folder: Path) -> None:
    """The folder is there afterwards; a new one is for its owner alone. Raises `CommandError` where it can't be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise no_folder(folder) from None
    except PermissionError:
        raise  # `netiv.errors` has the words
    except OSError as error:
        raise CommandError(
            f"The folder {folder} can't be made: {error.strerror or error}.", "Choose another folder with --data."
        ) from None


def no_folder(path: Path) -> CommandError:
    """What is in the place of a folder, or of one above it, is none."""
    return CommandError(f"{_nearest(path)} is not a folder.", "Choose a folder with --data.")


def could_be(path: Path) -> bool:
    """Whether this is a folder, or could be made one for all that is in its place."""
    return _nearest(path).is_dir()


def _nearest(path: Path) -> Path:
    return next((place for place in (path, *path.parents) if place.exists()), path)


def open_to_others(folder: Path) -> bool:
    """Whether other users of this machine can read what is in one of its folders: those of former versions were made so."""
    if not folder.stat().st_mode & 0o005:
        return False
    return any(part.is_dir() and part.stat().st_mode & 0o005 for part in folder.iterdir())


def has_warehouse(settings: Settings) -> bool:
    """Whether there are tables to work on: those of a server, or the embedded engine's in the data folder."""
    return bool(settings.clickhouse) or (settings.data / "warehouse").is_dir()


def require_warehouse(settings: Settings) -> None:
    """Raises where an empty warehouse would be made, and whatever was asked of it reported as done."""
    if not has_warehouse(settings):
        raise CommandError(
            f"There is no warehouse in {settings.data}.",
            "Run this where `netiv up` runs, or name its folder with --data.",
        )
