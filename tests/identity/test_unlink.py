"""Unlink = never linked: whenever links are taken back, before they arrive, between or after, the tables are the model's
without them."""

from __future__ import annotations

import random
from pprint import pformat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.enrich.identifiers import hash_email
from consumers.identity.requests import Unlink
from tests.identity.test_erase import event
from tests.identity.worlds import worlds
from tests.model.driver import Driver, examples
from tests.model.engine import difference
from tests.model.identities import NONE, Id, Retraction
from tests.model.worlds import Sent, cut, records

IDS: tuple[Id, ...] = (
    ("visitor_id", "v1"), ("visitor_id", "v2"), ("visitor_id", "~x"), ("user_id", "u1"), ("user_id", "u2"), ("crm_id", "c1"),
    ("device_id", "d1"), ("email", hash_email("a@example.com")), ("gclid", "g1"), ("user_id", "u4"),
)  # fmt: skip
ONE = st.sampled_from(IDS)
EVENTS = st.text("abcdef", min_size=1, max_size=2)
SELECTORS = st.one_of(
    st.tuples(ONE, ONE, st.just("")), st.tuples(ONE, st.just(NONE), st.just("")), st.tuples(st.just(NONE), st.just(NONE), EVENTS),
    st.tuples(ONE, ONE, EVENTS),
)  # fmt: skip


@examples(8)
@given(worlds(), st.lists(SELECTORS, min_size=1, max_size=3), st.integers(0, 2**32))
def test_unlink_is_never_linked(
    driver: Driver, world: list[Sent], selected: list[tuple[Id, Id, str]], seed: int
) -> None:
    name, chance = driver.name(), random.Random(seed)
    batches = cut(records(world, name), chance)
    retractions = [Retraction(f"{name}.{site}", *selector) for selector in selected for site in range(2)]
    at = chance.randrange(len(batches) + 1)
    driver.stream(batches[:at], chance)
    for one in retractions:
        driver.perform(Unlink(site=one.site, one=one.one, other=one.other, event_id=one.event_id))
    driver.stream(batches[at:], chance)
    expected = driver.model(retractions)
    if differing := difference(driver.found(name), expected):
        pytest.fail(pformat(differing, width=160))


def test_a_refused_alias_taken_back_leaves_the_log_ins(driver: Driver) -> None:
    """Anybody can send an alias with the public key: taking back what `alias` put in quarantine harms nobody it names."""
    name = driver.name()
    site = f"{name}.0"
    told = [
        {"type": "identify", "visitor": "v1", "user_id": "victim"},
        {"type": "identify", "visitor": "v2", "user_id": "victim"},
        {"type": "alias", "visitor": "v9", "user_id": "victim", "identifiers": {"user_id": "attacker"}},
    ]
    driver.deliver([[event(site, number, **one)] for number, one in enumerate(told)])
    rules = "SELECT DISTINCT rule FROM identity_quarantine FINAL WHERE site = {site:String}"
    assert driver.rows(rules, {"site": site}) == [("alias",)]
    driver.perform(Unlink(site=site, rule="alias"))
    driver.deliver([[event(site, 5, type="identify", visitor="v5", user_id="victim")]])
    owners = "SELECT id_value, person_id FROM v_identities WHERE site = {site:String} AND id_type = 'visitor_id' ORDER BY id_value"
    found = dict(driver.rows(owners, {"site": site}))
    assert {visitor: found[visitor] for visitor in ("v1", "v2", "v5")} == dict.fromkeys(
        ("v1", "v2", "v5"), "user_id:victim"
    )
