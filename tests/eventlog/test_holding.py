"""One holder at a time, who is named, and whose end lets the next one in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eventlog.holding import Held, hold, holder


def test_one_holds_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    held = hold(path)
    with pytest.raises(Held) as refused:
        hold(path)
    assert refused.value.by == str(os.getpid())
    assert holder(path) == os.getpid()
    os.close(held)
    assert holder(path) is None
    os.close(hold(path))


def test_a_longer_number_of_before_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("999999999999\n")
    held = hold(path)
    assert holder(path) == os.getpid()
    os.close(held)


def test_there_can_be_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hold(tmp_path / "nowhere" / "lock")
