"""A server that begins anew between two statements: what was in its memory is gone, and nothing of it may be missed in the tables."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from consumers.clock import now_us
from consumers.fencing import Claimant, FencedLoader
from consumers.refresh.refresher import Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import WarehouseUnavailable
from consumers.warehouse.embedded import EmbeddedWarehouse, open_embedded
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Stored
from tests.kafka.consumer_stack import visits
from tests.model.engine import Pipeline, difference
from tests.model.worlds import records

pytestmark = pytest.mark.anyio


class Server(PassingWarehouse):
    """The engine as consumers see a server; it begins anew before the statement that holds `before`."""

    def __init__(self, inner: EmbeddedWarehouse, folder: Path) -> None:
        super().__init__(inner)
        self._folder = folder
        self._one = asyncio.Lock()  # nothing runs while it begins anew
        self.before = ""

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        async with self._one:
            if self.before and self.before in sql:
                self.before = ""
                await self._inner.close()
                self._inner = await open_embedded(self._folder)
            await super().command(sql, parameters)

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        async with self._one:
            return await super().rows(sql, parameters)


@pytest.fixture
async def server(tmp_path):
    opened = Server(await open_embedded(tmp_path / "warehouse"), tmp_path / "warehouse")
    try:
        await prepare_tables(opened, load())
        yield opened
    finally:
        await opened.close()


async def consumer(server: Server, kind: type[Refresher]) -> Pipeline:
    """A consumer that begins: it takes its partitions and derives what the journal still names."""
    pipeline = Pipeline(server, load())  # type: ignore[arg-type]
    refresher = kind(server, load(), "netiv_scratch_a", "netiv", now_us)
    await refresher.prepare()
    await refresher.refresh(cycle := refresher.turn())
    await refresher.clear(cycle)
    pipeline._refreshers["standard"] = refresher, load()
    pipeline.loader = FencedLoader(server, _no_wait, Claimant("a", "netiv_scratch_a"))
    await pipeline.loader.claim(1, [0, 1, 2])
    return pipeline


async def _no_wait(_: float) -> None:
    await asyncio.sleep(0)


class Steady(random.Random):
    """Nothing comes twice."""

    def random(self) -> float:
        return 0.9


async def deliver(pipeline: Pipeline, batch: list[Stored]) -> None:
    await pipeline.deliver(batch, Steady(9), "standard")


@pytest.mark.parametrize("kind", [Refresher, SharedRefresher])
@pytest.mark.parametrize(
    "before", ["INSERT INTO netiv.sessions", "INSERT INTO netiv.identities", "INSERT INTO netiv.conversion_paths"]
)
async def test_a_refresh_is_done_again(server: Server, kind: type[Refresher], before: str) -> None:
    pipeline = await consumer(server, kind)
    made = records(visits(random.Random(3), 90), "w")
    stored = [pipeline.stored(record, number % 3) for number, record in enumerate(made)]
    await deliver(pipeline, stored[:60])
    server.before = before
    with pytest.raises(WarehouseUnavailable, match="began anew"):
        await deliver(pipeline, stored[60:])
    again = await consumer(server, kind)
    assert difference(await again.tables("w"), again.model(stored, "standard")) == {}


async def half_delivered(server: Server) -> tuple[Pipeline, list[Stored]]:
    """A consumer that has half of these sixty events."""
    pipeline = await consumer(server, SharedRefresher)
    stored = [pipeline.stored(record, 0) for record in records(visits(random.Random(3), 60), "w")]
    await deliver(pipeline, stored[:30])
    return pipeline, stored


async def test_facts_are_put_in_again(server: Server) -> None:
    pipeline, stored = await half_delivered(server)
    server.before = "INSERT INTO events"
    await deliver(pipeline, stored[30:])
    assert await server.rows("SELECT count(), uniqExact(log_off) FROM events") == [(60, 60)]
    assert difference(await pipeline.tables("w"), pipeline.model(stored, "standard")) == {}


async def test_one_that_begins_anew_between_two_refreshes_disturbs_none(server: Server) -> None:
    pipeline, stored = await half_delivered(server)
    server.before = "SELECT 1"
    await server.command("SELECT 1")
    await deliver(pipeline, stored[30:])
    assert difference(await pipeline.tables("w"), pipeline.model(stored, "standard")) == {}
