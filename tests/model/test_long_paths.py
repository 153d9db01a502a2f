"""Who converts again and again: paths have a limit in length, and in all."""

from __future__ import annotations

import random
from typing import Any

import pytest

from consumers.refresh.replacing import block_rows
from tests.model.driver import Driver
from tests.model.engine import difference, without_views
from tests.model.worlds import CHROME, DAY, HOUR, MINUTE, Sent, records


def sent(kind: str, number: int, step: int, visitor: str = "v1", **fields: Any) -> Sent:
    event = {"type": kind, "context": {"campaign": {"source": f"s{number}"}}, **fields}
    return Sent(0, 0, step, f"{kind}{number}{visitor}", visitor, event, False, "native", CHROME)


def bought(number: int, step: int = MINUTE, visitor: str = "v1") -> Sent:
    return sent("conversion", number, step, visitor, name="purchase", order={"id": f"{visitor} {number}", "value": 10})


@pytest.mark.parametrize("batches", [1, 3])
def test_paths_hold_the_last_touches(driver: Driver, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    monkeypatch.setattr("consumers.rules.conversions.PATH_TOUCHES_MAX", 4)
    monkeypatch.setattr("consumers.rules.conversions.PATHS_TOUCHES_MAX", 12)
    monkeypatch.setattr("consumers.rules.conversions.STEPS_UNCUT_MAX", 3)
    monkeypatch.setattr("consumers.rules.conversions.PIECE_STEPS_MIN", 2)
    variant = driver.under("short paths", driver.pipeline.rules)
    name, chance = driver.name(), random.Random(batches)
    one = [sent("page", number, HOUR) for number in range(6)] + [bought(0)]
    # four for each of three conversions, then three for each of four, and never none
    few = [of for number in range(4) for of in (sent("page", number, HOUR, "v2"), bought(number, MINUTE, "v2"))]
    many = [of for number in range(20) for of in (sent("page", number, HOUR, "v3"), bought(number, MINUTE, "v3"))]
    made = records(one + few + many, name)
    chance.shuffle(made)
    expected = without_views(driver.stream([made[start::batches] for start in range(batches)], chance, variant))
    paths = expected["conversion_paths"]
    assert sorted(path["touches"] for path in paths) == sorted([4, 1, 2, 3, 3, *[1] * 20])
    assert difference(driver.found(name), expected) == {}


@pytest.mark.parametrize("seed", range(3))
def test_many_touches_are_cut_where_no_path_sees_it(driver: Driver, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Also where touches of one moment lie on both sides of a cut, and where some of them are past their look-back."""
    monkeypatch.setattr("consumers.rules.conversions.PATH_TOUCHES_MAX", 5)
    monkeypatch.setattr("consumers.rules.conversions.PATHS_TOUCHES_MAX", 90)
    monkeypatch.setattr("consumers.rules.conversions.STEPS_UNCUT_MAX", 6)
    monkeypatch.setattr("consumers.rules.conversions.PIECE_STEPS_MIN", 2)
    variant = driver.under("cut paths", driver.pipeline.rules)
    name, chance = driver.name(), random.Random(f"pieces {seed}")
    made: list[Sent] = []
    for visitor, visits in (("v1", 4), ("v2", 40), ("v3", 200)):
        for number in range(visits):
            step = chance.choice((0, 0, 0, 1, HOUR, 20 * DAY))
            kind = chance.choice(("impression", "click"))
            made.append(
                bought(number, step, visitor)
                if chance.random() < 0.3
                else sent("touch", number, step, visitor, touch={"kind": kind})
            )
    batches = records(made, name)
    chance.shuffle(batches)
    expected = without_views(driver.stream([batches[::2], batches[1::2]], chance, variant))
    assert len({path["touches"] for path in expected["conversion_paths"]}) > 1
    assert difference(driver.found(name), expected) == {}


def test_thousands_of_conversions_of_one_visitor(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them copies all touches: twice as many of both would take four times as long."""
    copies: list[int] = []

    def noting(copied: int) -> int:
        copies.append(copied)
        return block_rows(copied)

    monkeypatch.setattr("consumers.refresh.deriver.block_rows", noting)
    name = driver.name()
    made = [of for number in range(5_100) for of in (sent("page", number, MINUTE), bought(number))]
    driver.deliver([records(made, name)])
    [(paths, touches, longest)] = driver.rows(
        "SELECT count(), sum(touches), max(touches) FROM conversion_paths FINAL WHERE site = {site:String}",
        {"site": f"{name}.0"},
    )
    assert (paths, longest) == (5_100, 196)
    assert touches == 5_100 * 196 - sum(range(196))
    assert max(copies) == 2 * 196


def test_blocks_are_small_where_rows_copy_much() -> None:
    """Sixty thousand touches of three hundred conversions were over the engine's limit in blocks of 64."""
    assert [block_rows(copied) for copied in (0, 5, 5_000, 60_000, 10_000_000)] == [65_536, 65_536, 100, 8, 1]
