"""Slices of a refresh: each key in one of them, none heavier than memory allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.refresh.slices import GUESSES, WEIGHT_MAX, Cutter, Key, Waiting, slices_of, stretches
from consumers.warehouse.embedded import open_embedded

KEYS = sorted(
    (site, subject) for site in ("", "a", "b'", "שלום") for subject in ("", "v1", "v10", "v2", "~email:x", "\\")
)


@pytest.mark.anyio
@pytest.mark.parametrize("ends", [[], KEYS[:1], KEYS[-1:], KEYS[3::5], KEYS, [("a", "v11"), ("c", "")]])
async def test_each_key_is_in_one_stretch_in_order(tmp_path: Path, ends: list[Key]) -> None:
    warehouse = await open_embedded(tmp_path / "warehouse")
    try:
        await warehouse.command(
            "CREATE TABLE keys (site LowCardinality(String), subject String) ENGINE = MergeTree ORDER BY (site, subject)"
        )
        columns = {"site": [site for site, _ in KEYS], "subject": [subject for _, subject in KEYS]}
        await warehouse.insert("keys", columns, {"site": "LowCardinality(String)", "subject": "String"})
        found: list[Key] = []
        for stretch in stretches(ends):
            condition, bound = stretch.condition()
            found += await warehouse.rows(
                f"SELECT site, subject FROM keys WHERE {condition} ORDER BY site, subject", bound
            )
        order = await warehouse.rows("SELECT site, subject FROM keys ORDER BY site, subject")
        assert found == order
        assert len(order) == len(KEYS)
    finally:
        await warehouse.close()


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**8))
def test_no_slice_is_too_heavy(visitors: int, identifiers: int, events: int) -> None:
    slices = slices_of(visitors, identifiers, events)
    assert slices.each <= WEIGHT_MAX
    assert slices.number * slices.each >= visitors * 3 + identifiers
    # what a slice of nothing but visitors has
    assert slices.each / slices.visitor <= 40_000
    if visitors:
        assert slices.each / slices.visitor * events / visitors <= 800_000 * 1.001


def test_few_are_one_slice() -> None:
    assert slices_of(0, 0).number == 1
    assert slices_of(40_000, 0, 800_000).number == 1
    assert slices_of(50_000, 63_000, 1_000_000).number == 2
    assert slices_of(50_000, 63_000, 3_300_000).number == 5


class Asked:
    """Answers what the events of all visitors weigh, and where slices end; notes how often it was asked the former."""

    def __init__(self, each: float) -> None:
        self.each = each
        self.times = 0
        self.visitors = 0
        self.cutter = Cutter(self.rows)

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """One row with the weight, or an end for each slice but the last."""
        if "FROM events" in statement:
            self.times += 1
            return [(self.each * self.visitors,)]
        return [(("a", str(number)),) for number in range(int(statement.rpartition("LIMIT ")[2]))]

    async def slices(self, visitors: int) -> int:
        """How many slices these visitors are cut into."""
        self.visitors = visitors
        return len(await self.cutter.cut(Waiting(1, whole=False), visitors, 0))


@pytest.mark.anyio
async def test_events_are_asked_for_only_where_it_matters() -> None:
    asked = Asked(each=10)
    assert [await asked.slices(999) for _ in range(3)] == [1, 1, 1]
    assert asked.times == 0  # few visitors, whatever they have
    assert [await asked.slices(10_000) for _ in range(1 + GUESSES)] == [1] * (1 + GUESSES)
    assert asked.times == 1  # what was told is taken for a while
    await asked.slices(10_000)
    assert asked.times == 2
    assert await asked.slices(50_000) == 2
    assert asked.times == 3  # taken with room it would be several slices: asked


@pytest.mark.anyio
async def test_many_more_visitors_are_asked() -> None:
    asked = Asked(each=2)
    assert await asked.slices(10_000) == 1
    asked.each = 66
    assert await asked.slices(39_000) == slices_of(39_000, 0, 39_000 * 66).number == 4
    assert asked.times == 2


@pytest.mark.anyio
async def test_visitors_with_more_events_are_noticed() -> None:
    asked = Asked(each=10)
    assert await asked.slices(10_000) == 1
    asked.each = 400
    cuts = [await asked.slices(10_000) for _ in range(GUESSES + 1)]
    assert cuts[-1] == slices_of(10_000, 0, 4_000_000).number == 5
