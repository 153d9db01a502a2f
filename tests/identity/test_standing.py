"""What `v_identity_links` says of a link is what the resolver goes by: those that stand are the model's evidence, and no others."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from consumers.identity.requests import Unlink
from tests.identity.test_unlink import SELECTORS
from tests.identity.worlds import worlds
from tests.model.driver import Driver, examples
from tests.model.identities import Id, Retraction
from tests.model.worlds import Sent, cut, records

STANDING = (
    "SELECT DISTINCT site, (toString(id_type), id_value), (toString(other_type), other_value), event_id FROM v_identity_links "
    "WHERE startsWith(site, {sites:String}) AND standing = 'stands' AND other_type != ''"
)


@examples(8)
@given(worlds(), st.lists(SELECTORS, max_size=3), st.integers(0, 2**32))
def test_what_stands_is_what_the_model_goes_by(
    driver: Driver, world: list[Sent], selected: list[tuple[Id, Id, str]], seed: int
) -> None:
    name, chance = driver.name(), random.Random(seed)
    retractions = [Retraction(f"{name}.{site}", *selector) for selector in selected for site in range(2)]
    driver.stream(cut(records(world, name), chance), chance)
    for one in retractions:
        driver.perform(Unlink(site=one.site, one=one.one, other=one.other, event_id=one.event_id))
    model = driver.pipeline.persons(driver.pipeline.delivered, retractions)
    found = {tuple(row) for row in driver.rows(STANDING, {"sites": f"{name}."})}
    assert found == model.counting()
