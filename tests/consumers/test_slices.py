"""Slices of a refresh: each key in one of them, none heavier than memory allows."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from consumers.refresh.slices import GUESSES, WEIGHT_MAX, Cutter, Key, Waiting, is_one_slice, stretches
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import open_embedded

KEYS = sorted(
    (site, subject) for site in ("", "a", "b'", "שלום") for subject in ("", "v1", "v10", "v2", "~email:x", "\\")
)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Warehouse]:
    """With a journal and events, as far as slices look at them."""
    warehouse = await open_embedded(tmp_path / "warehouse")
    for table, columns in (
        ("journal", "cycle UInt64, site LowCardinality(String), subject String, since Int64"),
        ("events", "site LowCardinality(String), subject String, ts DateTime64(3), url String, referrer String"),
    ):
        await warehouse.command(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY (site, subject)")
    yield warehouse
    await warehouse.close()


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


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(8))
async def test_no_slice_is_too_heavy(engine: Warehouse, seed: int) -> None:
    """By the events of each subject, which are not spread evenly."""
    chance = random.Random(seed)
    weights: dict[Key, float] = {}
    for number in range(30):
        key = chance.choice("ab"), f"v{number}" if number % 4 else f"~user_id:{number}"
        events = chance.choice([0, 1, 30, 2_000, 40_000, 900_000])
        weights[key] = max(3 if number % 4 else 1, 3 / 20 * events)
        await engine.command(f"INSERT INTO journal SELECT 1, '{key[0]}', '{key[1]}', 0")
        await engine.command(
            f"INSERT INTO events SELECT '{key[0]}', '{key[1]}', now64(3), '', '' FROM numbers({events})"
        )
    cutter = Cutter(lambda statement: engine.rows(statement.replace("{{scratch}}.", "")))
    cutter.careful = True
    order = sorted(weights)
    cut = await cutter.cut(Waiting(1, whole=False), len(order), 0)
    bounds = [(one.after or ("", ""), one.up_to or ("c", "")) for one in cut]
    slices = [[key for key in order if after < key <= up_to] for after, up_to in bounds]
    assert [key for keys in slices for key in keys] == order
    assert all(slices)
    assert max(sum(weights[key] for key in keys[:-1]) for keys in slices) <= WEIGHT_MAX
    assert 1 < len(slices) <= sum(weights.values()) / WEIGHT_MAX + 1


def test_few_are_one_slice() -> None:
    assert is_one_slice(0, 0)
    assert is_one_slice(40_000, 0, 800_000)
    assert not is_one_slice(40_000, 1, 800_000)
    assert not is_one_slice(1_000, 0, 801_000)


@pytest.mark.anyio
async def test_addresses_of_kilobytes_weigh_more(engine: Warehouse) -> None:
    """They are copied along with visits, twice, and from there into sessions and touchpoints."""
    for number in range(8):
        await engine.command(f"INSERT INTO journal SELECT 1, 'a', 'v{number}', 0")
        text = "repeat('x', 500000) AS url, url FROM numbers(50)"
        await engine.command(f"INSERT INTO events SELECT 'a', 'v{number}', now64(3), {text}")
    cutter = Cutter(lambda statement: engine.rows(statement.replace("{{scratch}}.", "")))
    cutter.careful = True
    assert len(await cutter.cut(Waiting(1, whole=False), 8, 0)) == 2


class Asked:
    """Answers what the events of all visitors weigh, and where slices end; notes how often it was asked the former."""

    def __init__(self, each: float) -> None:
        self.each = each
        self.times = 0
        self.visitors = 0
        self.cutter = Cutter(self.rows)

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """One row with the weight, or an end for each slice."""
        if "GROUP BY toUInt32(" not in statement:
            self.times += 1
            return [(self.each * self.visitors,)]
        weight = 3 * self.visitors * max(1, self.each / 20)
        return [(("a", str(number)),) for number in range(math.ceil(weight / WEIGHT_MAX))]

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
    assert await asked.slices(39_000) == 4
    assert asked.times == 2


@pytest.mark.anyio
async def test_visitors_with_more_events_are_noticed() -> None:
    asked = Asked(each=10)
    assert await asked.slices(10_000) == 1
    asked.each = 400
    cuts = [await asked.slices(10_000) for _ in range(GUESSES + 1)]
    assert cuts[-1] == 5
