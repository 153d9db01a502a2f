"""The rows of a CSV or JSON Lines file, gzip or not, in whatever encoding offices write: numbered, each with its source."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from netiv.errors import CommandError
from schemas.decoding import DECODE_ERRORS

_PIECE = 1 << 20
# What Excel of a Hebrew Windows writes, when it is not UTF-8.
_FALLBACK = "windows-1255"
# How workbooks (new and old) and Parquet files begin.
_OTHER_FORMATS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1")
# Excel's own first line, where the delimiter is not that of the country.
_TOLD_DELIMITER = "sep="
# Reports of ad systems begin with a title and a span of time.
_TITLE_LINES = 3


class Row(msgspec.Struct, frozen=True):
    """One row: its number (1 = the first after a header), what it says, or why it can't be read."""

    number: int
    values: dict[str, Any]
    source: str
    fault: str = ""


def is_json(path: Path) -> bool:
    """Whether the file's name says JSON Lines."""
    return path.name.removesuffix(".gz").lower().endswith((".jsonl", ".ndjson", ".json"))


class Reading(msgspec.Struct, frozen=True):
    """How a file is read, and how many lines it has."""

    encoding: str
    lines: int


def reading_of(path: Path) -> Reading:
    """UTF-8 where all of the file is; UTF-16 with a mark; else Windows-1255. Raises `CommandError` for what is no text that stays."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise CommandError(
            f"{path} is a pipe or a device, and an import reads its file more than once.", "Save it to a file first."
        )
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding, lines, ends = "utf-8-sig", 0, True
    with _binary(path) as file:
        piece = file.read(_PIECE)
        if piece.startswith(_OTHER_FORMATS):
            raise CommandError(f"{path} is no text, but a workbook or another packed file.", "Save it as CSV (UTF-8).")
        if piece[:2] in (b"\xff\xfe", b"\xfe\xff"):
            encoding = "utf-16"
        while piece:
            lines += piece.count(b"\n")
            ends = piece.endswith((b"\n", b"\n\0"))
            try:
                if encoding == "utf-8-sig":
                    decoder.decode(piece)
            except UnicodeDecodeError:
                encoding = _FALLBACK
            piece = file.read(_PIECE)
        try:
            decoder.decode(b"", final=encoding == "utf-8-sig")
        except UnicodeDecodeError:
            encoding = _FALLBACK
    return Reading(encoding, lines + (not ends))


def rows(path: Path, encoding: str, delimiter: str | None) -> Iterator[Row]:
    """The rows in order."""
    with _binary(path) as raw, _text(raw, encoding) as text:
        yield from _json_rows(text) if is_json(path) else Table(text, delimiter).rows()


def _json_rows(text: IO[str]) -> Iterator[Row]:
    number = 0
    for line in text:
        content = line.strip()
        if not content:
            continue
        number += 1
        if number == 1 and content.startswith("["):
            raise CommandError("The file is one JSON list.", "Write one object a line: jq -c '.[]' FILE > FILE.jsonl")
        try:
            values = msgspec.json.decode(content.encode("utf-8", "surrogatepass"))
        except DECODE_ERRORS:
            yield Row(number, {}, content, "invalid_json")
            continue
        yield Row(number, values, content) if isinstance(values, dict) else Row(number, {}, content, "not_an_object")


class Table:
    """A CSV file's columns, and its rows behind them. Raises `CommandError` for one that can't be told apart into rows."""

    def __init__(self, text: IO[str], delimiter: str | None) -> None:
        self._ended = False
        self._lines_before = 0
        first = self._next(text)
        told = ""
        if first.lower().startswith(_TOLD_DELIMITER):
            told = first[len(_TOLD_DELIMITER) :].strip("\r\n")
            first = self._next(text)
        self._lines_before -= 1  # the header's own is the reader's first
        self._delimiter = delimiter or (told if len(told) == 1 else "") or max(",;\t|", key=first.count)
        self._reader = csv.reader(self._lines(first, text), delimiter=self._delimiter)
        self.columns = [name.strip() for name in next(self._records(), [])]
        if not any(self.columns):
            raise CommandError("The file has no header.", "Its first line names the columns.")
        if any("\0" in name for name in self.columns):
            raise CommandError(
                "The first line holds zero bytes, as UTF-16 and UTF-32 without a mark have them.",
                "Say what it is: --encoding utf-16-le.",
            )
        twice = next((name for name in self.columns if name and self.columns.count(name) > 1), None)
        if twice is not None:
            raise CommandError(
                f"The column {twice!r} stands twice.", "Give one of them another name, in the first line."
            )

    def rows(self) -> Iterator[Row]:
        """The rows in order."""
        for number, cells in enumerate(self._records(), 1):
            if not any(cell.strip() for cell in cells):
                continue
            if len(self.columns) == 1 < len(cells) and number <= _TITLE_LINES:
                raise CommandError(
                    f"The first line names one column, and row {number} has {len(cells)}.",
                    "Delete what stands above the line that names the columns, as the title of a report.",
                )
            source = _line(cells, self._delimiter)
            if len(cells) > len(self.columns):
                yield Row(number, {}, source, "too_many_cells")
            elif any("\0" in cell or "\ufffd" in cell for cell in cells):
                yield Row(number, {}, source, "invalid_string")
            else:
                named = zip(self.columns, cells, strict=False)
                yield Row(number, {name: cell for name, cell in named if name and cell.strip()}, source)

    def _next(self, text: IO[str]) -> str:
        """The next line that says something; "" at the end."""
        while line := text.readline():
            self._lines_before += 1
            if line.strip():
                return line
        return ""

    def _lines(self, first: str, text: IO[str]) -> Iterator[str]:
        yield first
        yield from text
        self._ended = True

    def _records(self) -> Iterator[list[str]]:
        while True:
            line = self._lines_before + self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                raise CommandError(f"Line {line} can't be read: {error}.", _QUOTES) from None
            if cells is None:
                return
            if self._ended:  # a record that needed more than the file has
                raise CommandError(f"A quote is opened in line {line} and never closed.", _QUOTES)
            yield cells


_QUOTES = (
    'Close the quote; one that belongs to a text is written twice: "". A cell has at most '
    f"{csv.field_size_limit():,} characters. Then import the file again: nothing comes twice."
)


def columns_of(path: Path, encoding: str, delimiter: str | None) -> list[str] | None:
    """The columns that a header names; None for JSON Lines."""
    if is_json(path):
        return None
    with _binary(path) as raw, _text(raw, encoding) as text:
        return Table(text, delimiter).columns


def _line(cells: list[str], separator: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="").writerow(cells)
    return buffer.getvalue()


@contextlib.contextmanager
def _binary(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CommandError(f"{path} is no whole gzip file: {error}.", "Get it once more.") from None
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.", "Check the file's name.") from None


def _text(raw: IO[bytes], encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
