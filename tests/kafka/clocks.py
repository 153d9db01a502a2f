"""Processes whose wall clock a test moves while they run (libfaketime); their monotonic clock goes on."""

from __future__ import annotations

from pathlib import Path

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def moved_by(file: Path) -> dict[str, str]:
    """The environment of a process that reads its clock's offset from `file` (see `move`)."""
    assert LIBRARIES, "libfaketime is not installed: `make system` fetches it (apt-get install faketime)"
    move(file, 0)
    return {
        "LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DISABLE_SHM": "1",
    }  # fmt: skip


def move(file: Path, seconds: int) -> None:
    """Set the clock so far off; noticed within a second."""
    file.write_text(f"{seconds:+d}\n")
