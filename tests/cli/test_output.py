"""Output: CSV that no spreadsheet runs, tables that no stranger's text bends, JSON that parses."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from netiv import durations
from netiv.errors import CommandError
from netiv.output import Table, as_json, records, show, to_csv

RUNS = ("=", "+", "-", "@", "\t", "\r")


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), st.integers(-9, 9)), max_size=5
    )
)
def test_csv_reads_back_and_runs_nowhere(rows: list[tuple[str, int]]) -> None:
    text = to_csv(Table("t", ["name", "count"], [list(row) for row in rows]))
    back = list(csv.reader(io.StringIO(text, newline="")))
    assert back[0] == ["name", "count"]
    for (name, count), (shown, number) in zip(rows, back[1:], strict=True):
        assert not shown.startswith(RUNS)
        assert shown in {name, "'" + name}
        assert number == str(count)


@pytest.mark.parametrize("evil", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_formulas_are_disarmed(evil: str) -> None:
    assert to_csv(Table("t", ["c"], [[evil]])).splitlines()[1].lstrip('"').startswith("'")


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    assert to_csv(Table("t", ["a", "b", "c"], [[-5, -1.5, None]])).splitlines()[1] == "-5,-1.5,"


def test_a_table_shows_markup_and_escapes_as_text() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    show(Table("t", ["path"], [["[red]קמפיין[/red]"], ["a\x1b[31mb"]]), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]קמפיין[/red]" in text
    assert "\x1b" not in text


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    as_json(records(Table("t", ["ערוץ", "n"], [["דואר", 1]])))
    assert json.loads(capsys.readouterr().out) == [{"ערוץ": "דואר", "n": 1}]


@pytest.mark.parametrize(
    ("text", "found"), [("90", 90), ("1.5m", 90), ("36h", 129_600), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_durations(text: str, found: float) -> None:
    assert durations.seconds(text) == found


@pytest.mark.parametrize("text", ["", "soon", "-3d", "3y", "1e9"])
def test_no_durations(text: str) -> None:
    with pytest.raises(CommandError):
        durations.seconds(text)


def test_moments() -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert durations.moment("2026-03-01", now) == datetime(2026, 3, 1, tzinfo=UTC)
    assert durations.moment("2026-03-01T02:00+02:00", now) == datetime(2026, 3, 1, tzinfo=UTC)
    assert durations.moment("30d", now) == datetime(2026, 4, 1, 12, tzinfo=UTC)
    with pytest.raises(CommandError):
        durations.moment("1.3.2026", now)
