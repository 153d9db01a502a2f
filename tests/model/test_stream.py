"""The law of the pipeline: whatever the order, the batches and the repetitions, the tables are what the model says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.refresh.slices import Key, Stretch, stretches
from consumers.rules.conditions import Condition, EventRule
from consumers.rules.conversions import ConversionRule, ConversionRules, RefundRule
from consumers.rules.files import load
from consumers.rules.stages import Converted, Evidence, Stage, StageModel, StageRules, Touch, Visit
from tests.model.driver import Driver, examples
from tests.model.engine import difference
from tests.model.worlds import Sent, worlds

SEEDS = st.integers(0, 2**32)
RULES: dict[str, dict[str, Any]] = {
    "campaign": {"new_campaign_starts_session": False},
    "owner": {"another_person_starts_session": False},
    "midnight": {"midnight_starts_session": True, "midnight_zone": "America/New_York", "midnight_zones": {}},
    "short": {"gap_minutes": 5, "max_hours": 0.25},
    "patient": {"continuity_minutes": 60, "gap_minutes": 10},
}
# Rules that ask for all that conversions.yaml and stages.yaml can say of plain events.
CONVERSIONS = ConversionRules(
    version=1,
    events=[
        ConversionRule(name="thanks", types=["page"], when=[Condition("path", matches="^/p")], value=3, currency="EUR"),
        ConversionRule(
            name="demo", types=["track"], when=[Condition("properties.form", equals=["demo", "TRUE"])], value=40
        ),
        ConversionRule(
            name="big",
            types=["track", "conversion"],
            when=[Condition("properties.amount", at_least=5, below=10)],
            value_from="properties.amount",
            currency_from="properties.cur",
            order_id_from="properties.deal.id",
        ),
        ConversionRule(
            name="order",
            types=["track"],
            names=["order completed"],
            order_id_from="properties.deal.id",
            currency_from="properties.cur",
        ),
    ],
    refunds=[
        RefundRule(types=["refund"], refund_of=["order", "purchase", "demo"]),
        RefundRule(types=["track"], names=["view"], event_id_from="properties.event", value_from="properties.amount"),
    ],
    lookback_days={"default": 30, "open": 1, "impression": 0.5, "visit": 90},
    trust=["server", "webhook", "import", "browser", "pixel"],
)
STAGES = StageRules(1, [StageModel("own", "", [
    Stage("seen", [Evidence(event=EventRule(types=["page", "identify"]))]),
    Stage("came", [Evidence(session=Visit(number_min=2)), Evidence(touch=Touch(kind=["open", "impression"]))]),
    Stage("asked", [Evidence(event=EventRule(types=["track"], names=["LEAD", "Signed up"]))]),
    Stage("bought", [Evidence(conversion=Converted(name="order")), Evidence(conversion=Converted(number_min=2))]),
])])  # fmt: skip


def holds(driver: Driver, number: int, variant: str = "standard") -> None:
    """The law, for so many worlds under these rules."""

    @examples(number)
    @given(worlds(), SEEDS)
    def law(world: list[Sent], seed: int) -> None:
        driver.check(world, seed, variant)

    law()


def test_the_stream_equals_the_model(driver: Driver) -> None:
    holds(driver, 25)


def test_in_several_slices(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh of much is cut in pieces, each of some visitors: their persons are derived bit by bit."""
    monkeypatch.setattr("consumers.refresh.slices.WEIGHT_MAX", 5)
    monkeypatch.setattr("consumers.refresh.slices.MANY_VISITORS", 2)
    cuts = []

    def noted(ends: list[Key]) -> list[Stretch]:
        cuts.append(len(ends))
        return stretches(ends)

    monkeypatch.setattr("consumers.refresh.slices.stretches", noted)
    holds(driver, 6)
    assert max(cuts) > 1


@pytest.mark.parametrize("option", RULES)
def test_under_other_rules(driver: Driver, option: str) -> None:
    variant = driver.variant(option, **RULES[option])
    holds(driver, 8, variant)


def test_under_another_order_of_trust(driver: Driver) -> None:
    rules = load()
    merging = {
        "trust": ["pixel", "import"], "order_days": 0.1, "duplicate_hours": 0.1,
        "trust_of": {"value": ["browser", "webhook"], "name": "import", "currency": ["pixel"], "person": ["import", "browser"],
                     "ts": ["server", "pixel"], "visitor": "earliest", "session": "webhook"},
    }  # fmt: skip
    changed = msgspec.structs.replace(rules.conversions, **merging)
    variant = driver.under("trust", msgspec.structs.replace(rules, conversions=changed))
    holds(driver, 12, variant)


def test_under_rules_for_plain_events(driver: Driver) -> None:
    rules = msgspec.structs.replace(load(), conversions=CONVERSIONS, stages=STAGES)
    variant = driver.under("plain events", rules)
    holds(driver, 8, variant)


def test_under_channels_that_say_what_a_visit_is(driver: Driver) -> None:
    """The kind decides how far a visit is looked back at, and which stages it shows."""
    rules = load()
    kinds = {"Direct": "open", "Email": "click", "Referral": "impression"}
    named = [msgspec.structs.replace(rule, kind=kinds.get(rule.channel, "")) for rule in rules.channels.rules]
    channels = msgspec.structs.replace(rules.channels, rules=named)
    changed = msgspec.structs.replace(rules, channels=channels, conversions=CONVERSIONS, stages=STAGES)
    variant = driver.under("kinds", changed)
    holds(driver, 8, variant)


@examples(3)
@given(st.lists(st.tuples(worlds(), SEEDS), min_size=2, max_size=4))
def test_a_rebuild_changes_nothing(driver: Driver, streams: list[tuple[list[Sent], int]]) -> None:
    driver.empty()
    expected = [driver.derive(world, seed) for world, seed in streams]
    driver.rebuild()
    for name, tables in expected:
        assert difference(driver.found(name), tables) == {}
