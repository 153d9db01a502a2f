"""The laws of identity: whatever the order, the batches, the repetitions, the number of consumers, where they died and what the
rules are, persons are what the model says. `make test-identity-long` runs more than ten thousand histories.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from consumers.identity.resolver import Resolver, Waits
from consumers.rules.files import Rules, load
from consumers.rules.identity import IdentifierType
from tests.identity.worlds import worlds, worlds_of_levels
from tests.model.driver import Driver
from tests.model.packs import LONG, Packs, alone, collect, crashing, rebuilt, several
from tests.model.test_cases import event, order
from tests.model.worlds import HOUR


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


def with_linked(most: int) -> Rules:
    """Groups of devices so small that they are too large."""
    rules = load()
    return msgspec.structs.replace(rules, identity=msgspec.structs.replace(rules.identity, linked_devices=most))


RULES = {
    "limit 1": with_limit(1),
    "limit 2": with_limit(2),
    "limit 4": with_limit(4),
    "other anchors": with_anchors(),
    "two linked": with_linked(2),
}


# (how they are delivered, how many histories, how many in the long profile)
WAYS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "alone": (alone, 60, 4_500),
    "crashing": (crashing, 25, 1_600),
    "two consumers": (several(2), 12, 1_200),
    "three consumers": (several(3), 8, 600),
    "rebuilt": (rebuilt, 15, 600),
}
UNDER_RULES = (15, 500)
PACK = 500
# Packs so small, of worlds without what forms groups, are resolved several levels at once.
AT_ONCE = (9, 1_000)


@pytest.fixture(scope="module")
def packs(driver: Driver) -> Packs:
    return driver.packs()


def hold(packs: Packs, deliver: Callable[..., Any], numbers: tuple[int, int], variant: str = "standard") -> None:
    """The law for so many histories, pack by pack."""
    histories = collect(worlds(), numbers[LONG])
    assert len(histories) >= numbers[LONG] * 0.9
    for start in range(0, len(histories), PACK):
        packs.check(histories[start : start + PACK], start, deliver, variant)
        print(f"{variant}, {deliver.__qualname__.split('.')[0]}: {packs.histories:,} histories so far", flush=True)


@pytest.mark.parametrize("way", WAYS)
def test_persons_equal_the_model(packs: Packs, way: str) -> None:
    deliver, *numbers = WAYS[way]
    hold(packs, deliver, (numbers[0], numbers[1]))


class Passes:
    """How often identifiers of several levels waited, and were resolved at once or level by level."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.at_once = self.by_level = 0
        asked = Resolver._may_go_together

        async def counted(resolver: Resolver, waits: Waits) -> bool:
            together = await asked(resolver, waits)
            self.at_once += together
            self.by_level += len(waits.levels) > 1 and not together
            return together

        patch.setattr(Resolver, "_may_go_together", counted)


@pytest.mark.parametrize("deliver", [alone, crashing])
def test_several_levels_at_once_equal_the_model(
    packs: Packs, deliver: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = Passes(monkeypatch)
    histories = iter(collect(worlds_of_levels(), AT_ONCE[LONG]))
    for seed, size in enumerate(itertools.cycle((1, 3, 5, 2))):
        if not (pack := list(itertools.islice(histories, size))):
            break
        packs.check(pack, seed, deliver)
    assert passes.at_once >= AT_ONCE[LONG] // 2
    assert passes.at_once > 4 * passes.by_level


@pytest.mark.parametrize(
    ("name", "way"), [*((name, "alone") for name in RULES), ("two linked", "crashing"), ("two linked", "two consumers")]
)
def test_under_other_rules(driver: Driver, packs: Packs, name: str, way: str) -> None:
    hold(packs, WAYS[way][0], UNDER_RULES, driver.under(name.replace(" ", "_"), RULES[name]))


def test_a_log_out_is_of_what_the_rules_call_a_device(driver: Driver) -> None:
    phone = {"identifiers": {"idfa": "i1"}}
    world = [
        event("identify", user_id="u1", **phone), event("track", 1, name="logged_out", **phone),
        event("conversion", HOUR, visitor="", order=order(5), secret=True, **phone),
    ]  # fmt: skip
    driver.check(world, 1, driver.under("other_anchors", RULES["other anchors"]))
    driver.check(world, 1)
