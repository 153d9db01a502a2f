"""Rule files copied to where those in force lie, all at once."""

from __future__ import annotations

import shutil
from pathlib import Path

from consumers.rules.files import NAMES


def install(folder: Path, target: Path) -> None:
    """Copy the rule files: what the folder lacks is as shipped from now on."""
    if folder.resolve() == target.resolve():
        return
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in NAMES:
        if (folder / name).exists():
            shutil.copyfile(folder / name, fresh / name)
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    fresh.replace(target)
    shutil.rmtree(old, ignore_errors=True)
