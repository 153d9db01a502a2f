"""The rows of a CSV or JSON Lines file, gzip or not, in whatever encoding offices write: numbered, each with its source."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from netiv.errors import CommandError
from schemas.decoding import DECODE_ERRORS

_PIECE = 1 << 20
# What Excel of a Hebrew Windows writes, when it is not UTF-8.
_FALLBACK = "windows-1255"


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
    """UTF-8 where all of the file is; UTF-16 with a mark; else Windows-1255."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding, lines, ends = "utf-8-sig", 0, True
    with _binary(path) as file:
        piece = file.read(_PIECE)
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
    with _binary(path) as raw, io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="") as text:
        yield from _json_rows(text) if is_json(path) else _csv_rows(text, delimiter)


def _json_rows(text: IO[str]) -> Iterator[Row]:
    number = 0
    for line in text:
        content = line.strip()
        if not content:
            continue
        number += 1
        try:
            values = msgspec.json.decode(content.encode("utf-8", "surrogatepass"))
        except DECODE_ERRORS:
            yield Row(number, {}, content, "invalid_json")
            continue
        yield Row(number, values, content) if isinstance(values, dict) else Row(number, {}, content, "not_an_object")


def _csv_rows(text: IO[str], delimiter: str | None) -> Iterator[Row]:
    first = text.readline()
    separator = delimiter or max(",;\t|", key=first.count)
    header = next(csv.reader([first], delimiter=separator), [])
    names = [name.strip() for name in header]
    if not any(names):
        raise CommandError("The file has no header.", "Its first line names the columns.")
    for number, cells in enumerate(csv.reader(text, delimiter=separator), 1):
        if not any(cell.strip() for cell in cells):
            continue
        source = _line(cells, separator)
        if len(cells) > len(names):
            yield Row(number, {}, source, "too_many_cells")
        elif any("\0" in cell or "\ufffd" in cell for cell in cells):
            yield Row(number, {}, source, "invalid_string")
        else:
            yield Row(
                number, {name: cell for name, cell in zip(names, cells, strict=False) if name and cell.strip()}, source
            )


def _line(cells: list[str], separator: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="").writerow(cells)
    return buffer.getvalue()


def _binary(path: Path) -> IO[bytes]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.", "Check the file's name.") from None
