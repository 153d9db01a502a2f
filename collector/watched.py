"""Whether a small file that people edit is another one than before: told by its stamp, without reading it."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, int, int]
"""Time of the last change (ns), inode, bytes."""


def stamp_of(path: Path) -> Stamp | None:
    """None where there is no such file. Raises `OSError` where nobody can tell."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
