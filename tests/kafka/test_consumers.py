"""Several consumer processes on one topic and one server: killed, joining, leaving; the tables equal the model."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from pprint import pformat
from typing import Any

import pytest

from consumers.rules.files import load
from consumers.warehouse.contract import Warehouse, WarehouseError
from consumers.warehouse.server import open_server
from eventlog.contract import Record, Stored
from eventlog.kafka import KafkaLog, ensure_topic, open_kafka_log
from netiv.dev.broker import free_ports
from schemas.record import encode, key_of
from tests.kafka.backend import config_for
from tests.kafka.processes import Process
from tests.kafka.waiting import until
from tests.model.engine import Pipeline, difference
from tests.model.worlds import Sent, records

pytestmark = pytest.mark.anyio


class Stack:
    """A broker's topic, a server process, and consumers by number."""

    def __init__(self, place: Path, log: KafkaLog, topic: str, bootstrap: str) -> None:
        self.place, self.log = place, log
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        engine = [str(Path(__file__).with_name("engine.py")), str(place / "warehouse"), str(port)]
        self.engine = Process(engine, {}, place / "engine.txt")
        self.url = url
        self.environment = {
            "NETIV_KAFKA": bootstrap, "NETIV_KAFKA_TOPIC": topic, "NETIV_KAFKA_PARTITIONS": "4",
            "NETIV_KAFKA_SESSION_TIMEOUT_S": "2", "NETIV_CLICKHOUSE": url, "NETIV_CLICKHOUSE_USER": "owner",
            "NETIV_CLICKHOUSE_PASSWORD": "secret", "NETIV_DATA": str(place), "NETIV_BATCH_RECORDS_MAX": "40",
        }  # fmt: skip
        self.consumers = [
            Process(
                ["-m", "netiv", "consumers"],
                {**self.environment, "NETIV_CONSUMER": f"c{n}"},
                place / f"consumer{n}.txt",
            )
            for n in range(3)
        ]

    async def open_warehouse(self) -> Warehouse:
        found: list[Warehouse] = []

        async def reached() -> bool:
            assert self.engine.alive, self.engine.tail()
            try:
                found.append(await open_server(self.url, "netiv", "owner", "secret"))
            except WarehouseError:
                return False
            return True

        await until(reached)
        return found[0]

    async def derived(self) -> None:
        """Until everything appended is derived; dead consumers are started again."""

        async def done() -> bool:
            for consumer in self.consumers[:2]:
                if not consumer.alive:
                    consumer.start()
            return await self.log.committed("netiv") == await self.log.ends()

        try:
            await until(done, 150.0)
        except TimeoutError:
            raise AssertionError("\n".join(process.tail() for process in [*self.consumers[:2], self.engine])) from None

    def tails(self) -> str:
        return "\n".join(process.tail() for process in self.consumers if process.log.exists())


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    config = config_for(tmp_path, 4)
    await ensure_topic(config)
    async with AsyncExitStack() as exits:
        log = await open_kafka_log(config)
        exits.push_async_callback(log.close)
        stack = Stack(tmp_path, log, config.topic, config.bootstrap)
        for process in (stack.engine, *stack.consumers):
            exits.callback(process.kill)
        stack.engine.start()
        warehouse = await stack.open_warehouse()
        exits.push_async_callback(warehouse.close)
        migration = Process(["-m", "netiv", "migrate"], stack.environment, tmp_path / "migrate.txt").start()
        exits.callback(migration.kill)
        assert migration.process is not None
        assert await asyncio.to_thread(migration.process.wait, 90) == 0, migration.tail()
        stack.warehouse = warehouse  # type: ignore[attr-defined]
        yield stack


def visits(chance: random.Random, count: int) -> list[Sent]:
    """Visitors who browse, log in on two devices, convert: enough shared persons for consumers to meet on."""

    def event(n: int) -> dict[str, Any]:
        kind = chance.choice(["page", "page", "page", "track", "identify", "conversion"])
        made: dict[str, Any] = {"type": kind, "url": f"https://shop.test/{n % 7}?utm_source=s{n % 3}&utm_medium=cpc"}
        if kind in ("track", "conversion"):
            made["name"] = "order_completed"
        if kind == "conversion":
            made["order"] = {"id": f"o{chance.randrange(count // 4)}"}
            made["value"] = 10
        if kind in ("identify", "conversion"):
            made["user_id"] = f"u{chance.randrange(count // 12 + 1)}"
        return made

    return [
        Sent(
            site=0, late=chance.randrange(5_000), step=chance.randrange(120_000), event_id=f"e{n - (n % 9 == 8)}",
            visitor_id=f"v{chance.randrange(count // 8 + 1)}", event=event(n), secret=False, dialect="native", user_agent="",
        )
        for n in range(count)
    ]  # fmt: skip


async def publish(stack: Stack, world: list[Sent], pieces: int) -> AsyncIterator[int]:
    """Append the world in pieces; yields after each."""
    made = records(world, "w")
    size = -(-len(made) // pieces)
    for start in range(0, len(made), size):
        batch = made[start : start + size]
        await stack.log.append([Record(key_of(one.site, one.visitor_id), encode(one)) for one in batch])
        yield start


async def check(stack: Stack) -> None:
    """Every fact once, and every table as the model derives it from the log."""
    warehouse: Warehouse = stack.warehouse  # type: ignore[attr-defined]
    stored: list[Stored] = []
    for partition in range(4):
        stored += await stack.log.read_from(partition, 0, 1_000_000, 1 << 30)
    rows = await warehouse.rows("SELECT count(), uniqExact(log_gen, log_part, log_off) FROM events")
    bad = await warehouse.rows("SELECT count() FROM bad_events FINAL")
    assert rows[0][0] == rows[0][1] == len(stored) - bad[0][0]
    pipeline = Pipeline(warehouse, load())  # type: ignore[arg-type]
    await pipeline.use("standard", load())
    if differing := difference(await pipeline.tables("w"), pipeline.model(stored, "standard")):
        pytest.fail(pformat(differing, width=160)[:6_000])


async def chaos(stack: Stack, chance: random.Random, events: int, kills: int) -> None:
    """Publish while consumers are killed at random times, join and leave."""
    first, second, third = stack.consumers
    first.start()
    second.start()
    step = 0
    async for _ in publish(stack, visits(chance, events), kills * 2):
        victim = chance.choice([first, second])
        if step % 4 == 1:
            third.start()  # joins: a rebalance
        elif step % 4 == 3:
            await until(lambda: _resumed(third))
            assert await asyncio.to_thread(third.stop) == 0, third.tail()  # leaves: another
        elif step % 2 == 0:
            since = time.monotonic()
            delay = chance.random() * 1.5
            await until(lambda since=since, delay=delay: _passed(since, delay))
            victim.kill()
            victim.start()
        step += 1
    if third.alive:
        assert await asyncio.to_thread(third.stop) == 0, third.tail()
    await stack.derived()
    await check(stack)
    for consumer in (first, second):
        assert await asyncio.to_thread(consumer.stop) == 0, consumer.tail()


async def _resumed(consumer: Process) -> bool:
    assert consumer.alive, consumer.tail()
    return consumer.said('"resumed"')


async def _passed(since: float, delay: float) -> bool:
    return time.monotonic() - since >= delay


async def test_two_consumers_share_the_work_and_equal_the_model(stack: Stack) -> None:
    for consumer in stack.consumers[:2]:
        consumer.start()
    async for _ in publish(stack, visits(random.Random(7), 300), 6):
        pass
    await stack.derived()
    await check(stack)
    for consumer in stack.consumers[:2]:
        assert await asyncio.to_thread(consumer.stop) == 0, consumer.tail()


async def test_consumers_killed_joining_and_leaving(stack: Stack) -> None:
    await chaos(stack, random.Random(11), events=400, kills=4)


@pytest.mark.long
async def test_fifty_kills(stack: Stack) -> None:
    await chaos(stack, random.Random(13), events=8_000, kills=50)


async def test_the_server_going_away_for_a_while_costs_nothing(stack: Stack) -> None:
    stack.consumers[0].start()
    async for start in publish(stack, visits(random.Random(5), 200), 4):
        if start == 50:
            stack.engine.kill()
        if start == 100:
            stack.engine.start()
    await stack.derived()
    await check(stack)
    assert stack.consumers[0].alive
