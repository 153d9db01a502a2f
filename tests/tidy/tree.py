"""The repository as the checks of it see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Its top."""
CODE = ("schemas", "collector", "eventlog", "consumers", "netiv")
"""The folders of the product."""


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


FILES = _tracked()
"""Every file that is tracked."""


def name(path: Path) -> str:
    """As it is called within the repository."""
    return path.relative_to(ROOT).as_posix()
