"""Many small independent histories in one run of the pipeline, each on sites of its own: what a refresh costs is paid once for all.

Hypothesis makes the histories; how they are delivered (by whom, interrupted where) is decided by a seed.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Sequence
from pprint import pformat
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from consumers.clock import now_us
from consumers.enrich.facts import facts_of
from consumers.load import load_of
from consumers.refresh.refresher import Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Stored
from schemas.record import Accepted
from tests.consumers.turnstile import Turnstile
from tests.model.engine import Pipeline, difference, without_views
from tests.model.worlds import Sent, cut, records

LONG: Final = os.environ.get("NETIV_HYPOTHESIS") == "long"
T = TypeVar("T")
Batches = list[list[Stored]]


def collect(strategy: st.SearchStrategy[T], number: int) -> list[T]:
    """So many examples; the same ones each time, but in the long profile."""
    found: list[T] = []

    @settings(
        max_examples=number, database=None, deadline=None, phases=[Phase.generate], derandomize=not LONG,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def gather(example: T) -> None:
        found.append(example)

    gather()
    return found


class Crash(Exception):
    """The process dies here."""


class Mortal(PassingWarehouse):
    """A warehouse whose user dies before the statement of this number."""

    def __init__(self, warehouse: Warehouse, statements: int) -> None:
        super().__init__(warehouse)
        self.left = statements

    def _live(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash

    async def insert(self, *arguments: Any) -> None:
        self._live()
        await super().insert(*arguments)

    async def command(self, *arguments: Any) -> None:
        self._live()
        await super().command(*arguments)

    async def rows(self, *arguments: Any) -> list[tuple[Any, ...]]:
        self._live()
        return await super().rows(*arguments)


class Packs:
    """Delivers packs of histories and holds the tables against the model."""

    def __init__(self, runner: asyncio.Runner, pipeline: Pipeline) -> None:
        self._runner, self._pipeline = runner, pipeline
        self.histories = 0

    def check(
        self, worlds: Sequence[list[Sent]], seed: int, deliver: Callable[..., Any], variant: str = "standard"
    ) -> None:
        """The law: however they were delivered, the tables are what the model says of each history."""
        self._runner.run(self._check(worlds, random.Random(seed), deliver, variant))
        self.histories += len(worlds)

    async def _check(
        self, worlds: Sequence[list[Sent]], chance: random.Random, deliver: Callable[..., Any], variant: str
    ) -> None:
        pipeline = self._pipeline
        await pipeline.empty()
        name = await pipeline.name()
        batches = self._batches([records(world, f"{name}.{n}") for n, world in enumerate(worlds)], chance)
        await deliver(pipeline, batches, chance, variant)
        expected = pipeline.model([one for batch in batches for one in batch], variant)
        if variant != "standard":
            expected = without_views(expected)
        if differing := difference(await pipeline.tables(name), expected):
            numbers = {
                int(row.split(f"('site', '{name}.")[1].split(".")[0])
                for rows in differing.values()
                for side in rows[:2]
                for row in side
            }
            culprits = {number: worlds[number] for number in sorted(numbers)[:2]}
            pytest.fail(pformat(differing, width=200) + "\n" + pformat(culprits, width=160))

    def _batches(self, histories: list[list[Accepted]], chance: random.Random) -> Batches:
        """Each history cut on its own; the first batch holds the first pieces of all, and so on."""
        pieces = [cut(_some_twice(history, chance), chance) for history in histories]
        return [
            [self._pipeline.stored(record, chance.randrange(3)) for own in pieces if n < len(own) for record in own[n]]
            for n in range(max(map(len, pieces)))
        ]


def _some_twice(history: list[Accepted], chance: random.Random) -> list[Accepted]:
    """Senders send again what they think was lost; it arrives at once, so the clock says the same."""
    return [*history, *(record for record in history if chance.random() < 0.05)]


async def alone(pipeline: Pipeline, batches: Batches, chance: random.Random, variant: str) -> None:
    """One consumer, undisturbed; sometimes links and marks come twice."""
    for batch in batches:
        await pipeline.deliver(batch, chance, variant)


async def crashing(pipeline: Pipeline, batches: Batches, chance: random.Random, variant: str) -> None:
    """One consumer that dies at any statement of a refresh and begins again with what its journal holds."""
    rules = pipeline.rules_of(variant)
    scratch = f"scratch_{variant}"
    for batch in batches:
        survivor = Refresher(pipeline.warehouse, rules, scratch, pipeline.warehouse.database, now_us)
        await survivor.prepare()
        load = load_of(facts_of(batch, pipeline.lookups), {}, len(batch))
        await survivor.mark(load.dirty)
        await pipeline.loader.insert(load)
        while True:
            mortal = Mortal(pipeline.warehouse, chance.randrange(20, 400))
            refresher = Refresher(mortal, rules, scratch, pipeline.warehouse.database, now_us)
            try:
                await refresher.prepare()
                cycle = refresher.turn()
                await refresher.refresh(cycle)
                await refresher.clear(cycle)
                break
            except Crash:
                continue


def several(number: int) -> Callable[..., Any]:
    """So many consumers on the same tables, their statements interleaved; each takes what its partitions bring."""

    async def deliver(pipeline: Pipeline, batches: Batches, chance: random.Random, variant: str) -> None:
        turnstile = Turnstile(chance)
        rules = pipeline.rules_of(variant)

        async def consume(part: int) -> None:
            door = turnstile.door(f"c{part}", pipeline.warehouse)
            refresher = SharedRefresher(door, rules, f"scratch_c{part}", door.database, now_us)
            await refresher.prepare()
            loader = pipeline.loader_through(door)
            for batch in batches:
                own = [one for one in batch if one.position.partition % number == part]
                load = load_of(facts_of(own, pipeline.lookups), {}, len(own))
                await refresher.mark(load.dirty)
                await loader.insert(load)
                cycle = refresher.turn()
                await refresher.refresh(cycle)
                await refresher.clear(cycle)

        await turnstile.run({f"c{part}": consume(part) for part in range(number)})

    return deliver


async def rebuilt(pipeline: Pipeline, batches: Batches, chance: random.Random, variant: str) -> None:
    """Everything is derived anew after the stream."""
    await alone(pipeline, batches, chance, variant)
    await pipeline.rebuild()
