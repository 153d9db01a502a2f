"""Two consumers on the same tables, their statements interleaved: the tables end as the model has them."""

from __future__ import annotations

import asyncio
import itertools
import random
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pprint import pformat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.clock import now_us
from consumers.enrich.facts import facts_of
from consumers.load import Loader, load_of
from consumers.refresh.refresher import Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Position, Stored
from schemas.record import encode, key_of
from tests.consumers.turnstile import Turnstile
from tests.model.driver import examples
from tests.model.engine import Pipeline, difference, running
from tests.model.worlds import Sent, cut, records, worlds

NAMES = ("a", "b")


class Pair:
    """Two consumers that share an engine; each owns a partition of the log."""

    def __init__(self, runner: asyncio.Runner, pipeline: Pipeline, kind: type[Refresher]) -> None:
        self.runner, self.pipeline, self.kind = runner, pipeline, kind
        self.offsets = itertools.count()

    def check(self, world: list[Sent], seed: int) -> dict[str, object]:
        """What differs from the model after the world went through both consumers."""
        return self.runner.run(self._check(world, random.Random(seed)))

    async def _check(self, world: list[Sent], chance: random.Random) -> dict[str, object]:
        pipeline = self.pipeline
        name = await pipeline.name()
        turnstile = Turnstile(chance)
        everything: list[Stored] = []
        shares: dict[str, list[list[Stored]]] = {each: [] for each in NAMES}
        for batch in cut(records(world, name), chance):
            stored = [self._stored(record) for record in batch]
            everything += stored
            for number, each in enumerate(NAMES):
                shares[each].append([one for one in stored if one.position.partition == number])
        await turnstile.run({each: self._consume(each, turnstile, shares[each]) for each in NAMES})
        return difference(await pipeline.tables(name), pipeline.model(everything, "standard"))

    def _stored(self, record: object) -> Stored:
        key = key_of(record.site, record.visitor_id)  # type: ignore[attr-defined]
        return Stored(Position(1, zlib.crc32(key) % 2, next(self.offsets)), b"", encode(record), 0)

    async def _consume(self, name: str, turnstile: Turnstile, batches: list[list[Stored]]) -> None:
        door = turnstile.door(name, self.pipeline.warehouse)
        refresher = self.kind(door, self.pipeline.rules, f"scratch_{name}", door.database, now_us)
        await refresher.prepare()
        loader = Loader(door, asyncio.sleep)
        for batch in batches:
            loaded = load_of(facts_of(batch, self.pipeline.lookups), {}, len(batch))
            await refresher.mark(loaded.dirty)
            await loader.insert(loaded)
            cycle = refresher.turn()
            await refresher.refresh(cycle)
            await refresher.clear(cycle)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Pipeline]]:
    with running(tmp_path_factory.mktemp("shared")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pair(pipeline: tuple[asyncio.Runner, Pipeline]) -> Pair:
    return Pair(*pipeline, SharedRefresher)


@examples(5)
@given(worlds(), st.integers(0, 2**32))
def test_interleaved_consumers_equal_the_model(pair: Pair, world: list[Sent], seed: int) -> None:
    if differing := pair.check(world, seed):
        pytest.fail(pformat(differing, width=160))


class Pause(PassingWarehouse):
    """For one task: stops before a statement with a text in it, once."""

    def __init__(self, warehouse: Warehouse, before: str) -> None:
        super().__init__(warehouse)
        self._before = before
        self.reached, self.released = asyncio.Event(), asyncio.Event()

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        if self._before in sql:
            self._before = "\0"
            self.reached.set()
            await self.released.wait()
        await super().command(sql, parameters)


def sent(step: int, visitor_id: str, **event: object) -> Sent:
    return Sent(
        site=0, late=0, step=step, event_id=f"{visitor_id}{step}", visitor_id=visitor_id, event=event, secret=not visitor_id,
        dialect="native", user_agent="",
    )  # fmt: skip


@dataclass(frozen=True)
class History:
    """What a consumer has when it stops before a statement, and what comes to the other one meanwhile."""

    stops_before: str
    before: list[Sent]
    meanwhile: list[Sent]


LOG_IN = History(
    "INSERT INTO {database}.open_paths",
    [sent(1_000, "v1", type="page", url="https://a.test/?utm_source=x&utm_medium=cpc")],
    [sent(61_000, "v1", type="identify", user_id="u1")],
)
# what made the device a shared one is gone before it is written that it is shared
JOINED = History(
    "INSERT INTO {database}.identity_quarantine",
    [sent(1_000, "v1", type="identify", user_id="u1"), sent(2_000, "v1", type="identify", user_id="u2")],
    [sent(61_000, "", type="alias", user_id="u1", identifiers={"user_id": "u2"})],
)
# a person whose conversion another consumer writes after this one asked which conversions there are
CONVERTED = History(
    "INSERT INTO scratch_slow.concerned_persons\nSELECT DISTINCT site, person_id\nFROM {database}.conversion_events",
    [
        sent(1_000, "v1", type="page", url="https://a.test/?utm_source=x&utm_medium=cpc"),
        sent(2_000, "v1", type="identify", user_id="u1"),
    ],
    [sent(61_000, "v2", type="identify", user_id="u1"), sent(62_000, "v2", type="conversion", name="purchase")],
)


async def overtaken(pipeline: Pipeline, kind: type[Refresher], history: History) -> dict[str, object]:
    """Somebody is refreshed from an old snapshot by a consumer that stops before a statement; another one, who knows
    of more, refreshes everything meanwhile; then the first goes on."""
    name = await pipeline.name()
    door = Pause(pipeline.warehouse, history.stops_before.format(database=pipeline.warehouse.database))
    slow = kind(door, pipeline.rules, "scratch_slow", door.database, now_us)
    quick = kind(pipeline.warehouse, pipeline.rules, "scratch_quick", pipeline.warehouse.database, now_us)
    loader = Loader(pipeline.warehouse, asyncio.sleep)
    everything: list[Stored] = []

    async def load_some(refresher: Refresher, events: list[Sent]) -> None:
        stored = [Stored(Position(2, 0, next(NUMBERS)), b"", encode(record), 0) for record in records(events, name)]
        everything.extend(stored)
        loaded = load_of(facts_of(stored, pipeline.lookups), {}, len(stored))
        await refresher.mark(loaded.dirty)
        await loader.insert(loaded)

    for refresher in (slow, quick):
        await refresher.prepare()
    await load_some(slow, history.before)
    working = asyncio.create_task(slow.refresh(slow.turn()))
    async with asyncio.timeout(60.0):
        await door.reached.wait()
    await load_some(quick, history.meanwhile)
    await quick.refresh(quick.turn())
    door.released.set()
    await working
    return difference(await pipeline.tables(name), pipeline.model(everything, "standard"))


NUMBERS = itertools.count(1)


@pytest.mark.parametrize("history", [LOG_IN, JOINED, CONVERTED], ids=["log-in", "joined", "converted"])
def test_a_refresh_that_was_overtaken_leaves_nothing_old(
    pipeline: tuple[asyncio.Runner, Pipeline], history: History
) -> None:
    runner, engine = pipeline
    assert runner.run(overtaken(engine, SharedRefresher, history)) == {}


@pytest.mark.parametrize(
    ("history", "stale"), [(LOG_IN, "open_paths"), (JOINED, "identity_quarantine")], ids=["log-in", "joined"]
)
def test_without_the_sweep_it_would(pipeline: tuple[asyncio.Runner, Pipeline], history: History, stale: str) -> None:
    """The law above can fail: a refresher that thinks itself alone leaves what is no more."""
    runner, engine = pipeline
    assert set(runner.run(overtaken(engine, Refresher, history))) == {stale}
