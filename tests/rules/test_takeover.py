"""Rules published on tables that other consumers go on deriving into, as on a ClickHouse server."""

import itertools

import msgspec
import pytest
from rules.test_conversions import fact

from consumers.enrich.row import EVENT_TYPES
from consumers.rebuild import TABLES, Successor
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.desk import put_in_force
from consumers.rules.files import load, version_of
from consumers.rules.publishing import after_others, catch_up_with_others
from consumers.rules.since import Since
from consumers.rules.takeover import Takeover, published_rules
from consumers.tables import publish_rules

pytestmark = pytest.mark.anyio
RULES = load()
SHORTER = msgspec.structs.replace(RULES, sessions=msgspec.structs.replace(RULES.sessions, gap_minutes=10.0))
QUARTER = 15 * 60_000


class Consumer:
    """Loads visits of two pages a quarter of an hour apart, and derives them, as one consumer of several does."""

    def __init__(self, engine, ticks):
        self._engine, self._numbers = engine, itertools.count(1)
        self.refresher = SharedRefresher(engine, RULES, "scratch_consumer", engine.database, ticks)
        self.take_over = Takeover(engine, self.refresher, RULES)

    async def load(self):
        n = next(self._numbers)
        rows = [fact(2 * n + i, "page", i * QUARTER, subject=f"v{n}", visitor_id=f"v{n}") for i in (0, 1)]
        await self.refresher.mark([("shop", f"v{n}", 0)])
        await self._engine.insert("events", {c: [row[c] for row in rows] for c in EVENT_TYPES}, EVENT_TYPES)

    async def derive(self):
        cycle = self.refresher.turn()
        await self.refresher.refresh(cycle)
        await self.refresher.clear(cycle)


async def sessions(engine):
    return await engine.rows(
        "SELECT subject, count(), any(rules_version) FROM sessions FINAL GROUP BY subject ORDER BY subject"
    )


async def test_publishing_beside_other_consumers(engine):
    for table in ("events", *TABLES):
        await engine.command(f"TRUNCATE TABLE {table}")
    await publish_rules(engine, RULES)
    ticks = itertools.count(1_800_000_000_000_000).__next__
    consumer = Consumer(engine, ticks)
    await consumer.refresher.prepare()
    await consumer.load()
    await consumer.derive()
    await consumer.take_over()
    assert await sessions(engine) == [("v1", 1, version_of(RULES))]

    successor = Successor(engine, SHORTER, "netiv_next", ticks)
    since = await Since.now(engine)
    await successor.begin()
    await successor.catch_up()
    await consumer.load()  # v2 comes while history is derived: its place in the log tells
    await consumer.derive()
    await catch_up_with_others(engine, successor, since)
    assert await since.condition(engine) == ""
    await consumer.load()  # v3 is derived under the old rules only after the exchange
    await put_in_force(engine, successor, SHORTER)
    await successor.discard()
    await consumer.derive()
    old, new = version_of(RULES), version_of(SHORTER)
    assert await sessions(engine) == [("v1", 2, new), ("v2", 2, new), ("v3", 1, old)]
    await after_others(engine, SHORTER, since, settled_s=0)
    assert await sessions(engine) == [("v1", 2, new), ("v2", 2, new), ("v3", 2, new)]

    assert await published_rules(engine, RULES) == SHORTER
    await consumer.take_over()
    await consumer.load()
    await consumer.derive()
    assert (await sessions(engine))[-1] == ("v4", 2, new)
    await publish_rules(engine, RULES)
    assert version_of(await published_rules(engine, SHORTER)) == version_of(RULES)
