"""The laws of identity: whatever the order, the batches, the repetitions and the rules, persons are what the model says."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.rules.files import Rules, load
from consumers.rules.identity import IdentifierType
from tests.identity.worlds import worlds
from tests.model.driver import Driver, examples
from tests.model.engine import difference
from tests.model.worlds import Sent

SEEDS = st.integers(0, 2**32)


def with_limit(limit: int) -> Rules:
    """Limits so low that they are reached."""
    rules = load()
    types = tuple(
        msgspec.structs.replace(one, neighbours=limit) if one.rank != "anchor" else one for one in rules.identity.types
    )
    identity = msgspec.structs.replace(rules.identity, types=types, other_neighbours=limit, click_neighbours=limit)
    return msgspec.structs.replace(rules, identity=identity)


def with_anchors() -> Rules:
    """The number of the CRM names a person for certain; an address is weaker than a phone number."""
    rules = load()
    types = (
        IdentifierType("user_id", "anchor"), IdentifierType("crm_id", "anchor"), IdentifierType("phone", "contact", 3),
        IdentifierType("email", "contact", 3), IdentifierType("visitor_id", "device", 6), IdentifierType("device_id", "device", 6),
    )  # fmt: skip
    return msgspec.structs.replace(rules, identity=msgspec.structs.replace(rules.identity, types=types))


RULES = {"limit 1": with_limit(1), "limit 2": with_limit(2), "limit 4": with_limit(4), "other anchors": with_anchors()}


@examples(60)
@given(worlds(), SEEDS)
def test_persons_equal_the_model(driver: Driver, world: list[Sent], seed: int) -> None:
    driver.check(world, seed)


@pytest.mark.parametrize("name", RULES)
def test_under_other_rules(driver: Driver, name: str) -> None:
    variant = driver.under(name.replace(" ", "_"), RULES[name])

    @examples(15)
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
