"""The order of a refresh's steps: each is a file or a derived table, waits for known ones only, and all of them can be reached."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from consumers.refresh.order import STEPS, Stage, in_order
from consumers.refresh.replacing import REPLACED
from consumers.refresh.sql import FOLDER

ALL = {name: before for _, steps in STEPS for name, before in steps.items()}


def test_every_step_is_a_file_or_a_derived_table() -> None:
    files = {path.stem for path in (FOLDER / "derive").glob("*.sql")}
    assert set(ALL) <= files | {derived.table for derived in REPLACED}
    assert {name for before in ALL.values() for name in before} <= set(ALL)


def test_a_stage_waits_for_earlier_ones_only() -> None:
    known: set[str] = set()
    for _, steps in STEPS:
        known |= set(steps)
        assert all(set(before) <= known for before in steps.values())


async def note(name: str, ended: list[str]) -> None:
    assert set(ALL[name]) <= set(ended)
    await asyncio.sleep(0)
    ended.append(name)


@pytest.mark.anyio
async def test_all_steps_run_each_after_what_it_waits_for() -> None:
    ended: list[str] = []
    works: Stage = {name: (partial(note, name, ended), before) for name, before in ALL.items()}
    async with asyncio.timeout(5):  # a circle would wait forever
        await in_order(works)
    assert sorted(ended) == sorted(ALL)


@pytest.mark.anyio
async def test_what_comes_after_a_failure_is_not_begun() -> None:
    began: list[str] = []

    async def fail() -> None:
        raise ValueError("no")

    async def go(name: str) -> None:
        began.append(name)

    with pytest.raises(ValueError, match="no"):
        await in_order({"a": (fail, ()), "b": (partial(go, "b"), ("a",)), "c": (partial(go, "c"), ("elsewhere",))})
    assert began == ["c"]


@pytest.mark.parametrize("table", ["conversions", "conversion_paths", "open_paths"])
def test_what_led_to_a_conversion_is_written_before_it(table: str) -> None:
    before, waiting = set(), [table]
    while waiting:
        before.update(found := ALL[waiting.pop()])
        waiting += found
    assert {"sessions", "touchpoints"} <= before
