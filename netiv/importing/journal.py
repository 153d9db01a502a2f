"""What an import leaves beside its file: the rejected rows with their reasons, and how far it came, until it is through."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from netiv.importing.rows import Row

_HEADER = ("row", "code", "pointer", "message", "source")


class Journal:
    """Open while the import runs. `mark` names the content and its reading: progress of another one is not gone on from."""

    def __init__(self, path: Path, mark: str, *, go_on: bool = False) -> None:
        """`go_on`: rejected rows up to the place are in the file already, and are not told again."""
        self._place = path.with_name(path.name + ".progress")
        self._rejects = path.with_name(path.name + ".rejected.csv")
        self._mark = mark
        self.done = self._read()
        self._appends = go_on and self.done > 0
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._refused: list[tuple[int, str, str, str, str]] = []

    def __enter__(self) -> Self:
        before = self._rejected() if self._appends else []
        self._file = self._rejects.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerows([_HEADER, *before])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._write()
            self._file.close()

    def reject(self, row: Row, code: str, pointer: str = "", message: str = "") -> None:
        """Note a row that is refused; it is in the file when all before it are judged."""
        self._refused.append((row.number, code, pointer, message, row.source))

    def confirm(self, place: int) -> None:
        """All up to this place is durable at the collector."""
        self._write()
        # beside, then in its place: interrupted in between, the last one stands. No fsync: what a power cut takes is sent twice.
        fresh = self._place.with_name(self._place.name + ".new")
        fresh.write_text(f"{self._mark} {place}\n", "ascii")
        fresh.replace(self._place)

    def finish(self, *, keep: bool) -> None:
        """The import is through; the rejected rows stay where there are any."""
        self._place.unlink(missing_ok=True)
        if not keep and not self._appends:  # what was rejected before it was interrupted stays
            self._rejects.unlink(missing_ok=True)

    def _write(self) -> None:
        """In the order of the file: rows that can't be read are known before those that the collector refuses."""
        self._writer.writerows(sorted(self._refused))
        self._refused.clear()
        if self._file is not None:
            self._file.flush()

    def _rejected(self) -> list[list[str]]:
        """The rows that were rejected up to the place; those behind it are read again."""
        try:
            with self._rejects.open(encoding="utf-8", newline="") as file:
                listed = list(csv.reader(file))[1:]
        except (OSError, UnicodeDecodeError, csv.Error):
            return []
        return [row for row in listed if row and row[0].isdigit() and int(row[0]) <= self.done]

    def _read(self) -> int:
        try:
            known, _, number = self._place.read_text("ascii").partition(" ")
            return int(number) if known == self._mark else 0
        except (OSError, ValueError):
            return 0
