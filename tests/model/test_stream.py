"""The law of the pipeline: whatever the order, the batches and the repetitions, the tables are what the model says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.rules.files import load
from tests.model.driver import Driver, examples
from tests.model.engine import difference
from tests.model.worlds import Sent, worlds

SEEDS = st.integers(0, 2**32)
RULES: dict[str, dict[str, Any]] = {
    "campaign": {"new_campaign_starts_session": False},
    "owner": {"another_person_starts_session": False},
    "midnight": {"midnight_starts_session": True, "midnight_utc_offset_minutes": 120},
    "short": {"gap_minutes": 5, "max_hours": 0.25},
}


@examples(50)
@given(worlds(), SEEDS)
def test_the_stream_equals_the_model(driver: Driver, world: list[Sent], seed: int) -> None:
    driver.check(world, seed)


@pytest.mark.parametrize("option", RULES)
def test_under_other_rules(driver: Driver, option: str) -> None:
    variant = driver.variant(option, **RULES[option])

    @examples(8)
    @given(worlds(), SEEDS)
    def law(world: list[Sent], seed: int) -> None:
        driver.check(world, seed, variant)

    law()


def test_under_another_order_of_trust(driver: Driver) -> None:
    rules = load()
    merging = {
        "trust": ["pixel", "import"], "order_days": 0.1, "duplicate_hours": 0.1,
        "trust_of": {"value": ["browser", "webhook"], "name": "import", "currency": ["pixel"], "person": ["import", "browser"],
                     "ts": ["server", "pixel"], "visitor": "earliest", "session": "webhook"},
    }  # fmt: skip
    changed = msgspec.structs.replace(rules.conversions, **merging)
    variant = driver.under("trust", msgspec.structs.replace(rules, conversions=changed))

    @examples(12)
    @given(worlds(), SEEDS)
    def law(world: list[Sent], seed: int) -> None:
        driver.check(world, seed, variant)

    law()


@examples(3)
@given(st.lists(st.tuples(worlds(), SEEDS), min_size=2, max_size=4))
def test_a_rebuild_changes_nothing(driver: Driver, streams: list[tuple[list[Sent], int]]) -> None:
    driver.empty()
    expected = [driver.derive(world, seed) for world, seed in streams]
    driver.rebuild()
    for name, tables in expected:
        assert difference(driver.found(name), tables) == {}
