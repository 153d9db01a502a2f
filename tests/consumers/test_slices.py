"""Slices of a refresh: each key in one of them, none heavier than memory allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.refresh.slices import WEIGHT_MAX, Key, slices_of, stretches
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
