"""The laws' way to the pipeline: synchronous, because Hypothesis is."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Coroutine
from pprint import pformat
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings

from consumers.identity.requests import Done, Request
from consumers.rules.files import Rules, SessionRules
from schemas.record import Accepted
from tests.model.derive import Tables
from tests.model.engine import Pipeline, difference, without_views
from tests.model.identities import Retraction
from tests.model.packs import Packs
from tests.model.worlds import Sent, cut, records

# A world costs seconds on a busy machine, so failures are shrunk only on request (NETIV_HYPOTHESIS=shrink).
PHASES = [phase for phase in Phase if phase is not Phase.shrink or os.environ.get("NETIV_HYPOTHESIS")]
LONG = 25 if os.environ.get("NETIV_HYPOTHESIS") == "long" else 1


def examples(number: int) -> settings:
    """Settings of a law: that many examples, many more in the long profile."""
    return settings(
        max_examples=number * LONG,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=PHASES,
        print_blob=True,
    )


class Driver:
    """Runs worlds through the pipeline."""

    def __init__(self, runner: asyncio.Runner, pipeline: Pipeline) -> None:
        self._runner, self._pipeline = runner, pipeline
        self._variants: set[str] = {"standard"}

    def derive(self, world: list[Sent], seed: int, variant: str = "standard") -> tuple[str, Tables]:
        """Stream a world; its name and what the model says."""
        name = self.name()
        chance = random.Random(seed)
        return name, self.stream(cut(records(world, name), chance), chance, variant)

    def stream(self, batches: list[list[Accepted]], chance: random.Random, variant: str = "standard") -> Tables:
        """Deliver batches; what the model says of them."""
        return self._runner.run(self._pipeline.stream(batches, chance, variant))

    def deliver(self, batches: list[list[Accepted]]) -> int:
        """Deliver batches without asking the model; how many identifiers the last refresh looked at."""
        return self._runner.run(self._pipeline.deliver_all(batches))

    def model(self, retractions: list[Retraction]) -> Tables:
        """What the model says of all that was delivered since the last new name, without the links that are taken back."""
        return self._pipeline.model(self._pipeline.delivered, "standard", retractions)

    @property
    def pipeline(self) -> Pipeline:
        """What it drives."""
        return self._pipeline

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something on the pipeline to its end."""
        self._runner.run(work)

    def packs(self) -> Packs:
        """Many histories at once."""
        return Packs(self._runner, self._pipeline)

    def name(self) -> str:
        """The name of a new world."""
        return self._runner.run(self._pipeline.name())

    def found(self, name: str) -> Tables:
        return self._runner.run(self._pipeline.tables(name))

    def rebuild(self) -> None:
        self._runner.run(self._pipeline.rebuild())

    def empty(self) -> None:
        self._runner.run(self._pipeline.empty())

    def perform(self, asked: Request) -> Done:
        """An operation on the tables."""
        return self._runner.run(self._pipeline.perform(asked))

    def rows(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Ask the engine."""
        return self._runner.run(self._pipeline.warehouse.rows(sql, parameters))

    def variant(self, name: str, **changes: Any) -> str:
        """A refresher under changed session rules."""
        rules = self._pipeline.rules
        sessions = SessionRules(**{**msgspec.structs.asdict(rules.sessions), **changes})
        return self.under(name, msgspec.structs.replace(rules, sessions=sessions))

    def under(self, name: str, rules: Rules) -> str:
        """A refresher under other rules."""
        if name not in self._variants:
            self._runner.run(self._pipeline.use(name, rules))
            self._variants.add(name)
        return name

    def check(self, world: list[Sent], seed: int, variant: str = "standard") -> None:
        """The law: the stream's tables are the model's."""
        name, expected = self.derive(world, seed, variant)
        if variant != "standard":
            expected = without_views(expected)
        if differing := difference(self.found(name), expected):
            pytest.fail(pformat(differing, width=160))
