"""Is there room for more? Measured now and then, counted in between. Runs on the writer's thread, in its transaction.

The last bytes of the disk are never given to appends: commits and retention need them to make room again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from eventlog.contract import LogFull
from eventlog.embedded.file import CHECKPOINT_BYTES, Database, used_bytes
from eventlog.embedded.retention import Policy, drop, remembered

MEASURE_EVERY_S: Final = 0.5
# A checkpoint's worth of write-ahead log, the same again in the file, and as much for retention's own writes.
RESERVE_BYTES: Final = 4 * CHECKPOINT_BYTES
TRIM_STEPS: Final = 4


class Room:
    """The bytes left to one writer."""

    def __init__(self, folder: Path, bytes_max: int, partitions: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._partitions = partitions
        self._allowance = 0
        self._measure_at = 0.0

    def known(self) -> bool:
        """Whether there is room by the last measurement, so that a check has nothing to do."""
        return self._allowance > 0 and time.monotonic() < self._measure_at

    def check(self, db: Database) -> None:
        """Raises `LogFull` when nothing may be appended now."""
        if self.known():
            return
        self._measure_at = time.monotonic() + MEASURE_EVERY_S
        left = self._bytes_max - used_bytes(db)
        if left <= 0:
            left = self._trim(db)
        if left <= 0:
            raise LogFull(f"The log is full: {self._bytes_max} bytes wait to be read")
        disk = self._disk_left()
        if disk <= 0:
            raise LogFull("The disk of the log is full")
        self._allowance = min(left, disk)

    def spend(self, written: int) -> None:
        """Count what was appended; the next check measures again when the measured room is half used."""
        self._allowance -= 2 * written

    def forget(self) -> None:
        """Measure at the next check."""
        self._allowance = 0

    def _trim(self, db: Database) -> int:
        """Drop what every group of the last retention is done with; the bytes then left."""
        groups = remembered(db)
        for _ in range(TRIM_STEPS if groups else 0):
            if not drop(db, Policy(0, self._bytes_max - self._bytes_max // 16, groups), self._partitions):
                break
        return self._bytes_max - used_bytes(db)

    def _disk_left(self) -> int:
        disk = os.statvfs(self._folder)
        reserve = min(RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 16)
        return disk.f_bavail * disk.f_frsize - reserve
