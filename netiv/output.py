"""Printing results: a table for people, JSON for programs, CSV for spreadsheets.

Data goes to stdout, talk to stderr.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

# A spreadsheet runs a cell that begins so as a formula (OWASP, "CSV Injection"); channel names come from strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_TEXT_WIDTH_MIN = 12
_FILE_WIDTH = 160  # of a table that goes to a file or a pipe


class Table(msgspec.Struct, frozen=True):
    """Rows under column names; `cut`: there are more rows than were asked for."""

    title: str
    columns: list[str]
    rows: list[list[Any]]
    cut: bool = False


def as_json(value: object) -> None:
    """Print any value as one indented JSON document."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(text + "\n")


def records(table: Table) -> list[dict[str, Any]]:
    """A table as a list of objects."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def to_csv(table: Table) -> str:
    """RFC 4180, with every text that a spreadsheet would run as a formula disarmed by an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(table.columns)
    writer.writerows([[_disarm(cell) for cell in row] for row in table.rows])
    return buffer.getvalue()


def _disarm(cell: object) -> object:
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA):
        return "'" + cell
    return "" if cell is None else cell


def show(table: Table, console: Console | None = None) -> None:
    """Print a table for people."""
    from rich import box
    from rich.console import Console as RichConsole
    from rich.table import Table as RichTable
    from rich.text import Text

    console = console or RichConsole()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _FILE_WIDTH
    grid = RichTable(
        title=table.title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0)
    )
    for index, name in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        numeric = all(isinstance(cell, int | float | None) for cell in cells)
        longest = max((len(_cell(cell)) for cell in cells), default=1)
        grid.add_column(
            name.replace("_", " "),
            justify="right" if numeric else "left",
            overflow="fold",
            min_width=longest if numeric else min(longest, _TEXT_WIDTH_MIN),  # numbers are never broken
        )
    for row in table.rows:
        grid.add_row(*(Text(_cell(value)) for value in row))  # Text: a campaign named "[red]" is no markup
    console.print(grid)
    if not table.rows:
        console.print("  nothing yet")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return "".join(char if char.isprintable() else "�" for char in str(value))  # no terminal escapes from strangers
