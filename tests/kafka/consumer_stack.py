"""A broker's topic, a ClickHouse server process and consumer processes; what they are fed, and the comparison with the model."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from pprint import pformat
from typing import Any

import msgspec
import pytest

from consumers.rules.files import load
from consumers.warehouse.contract import Warehouse, WarehouseError
from consumers.warehouse.server import open_server
from eventlog.contract import Record, Stored
from eventlog.kafka import KafkaLog, ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from netiv.dev.broker import free_ports
from schemas.record import encode, key_of
from tests.kafka.backend import config_for
from tests.kafka.processes import Process
from tests.kafka.waiting import until
from tests.model.engine import Pipeline, difference
from tests.model.worlds import Sent, records


class Plan(msgspec.Struct, frozen=True):
    """How many consumers there may be, how much each reads at once, and where they find the server when not directly."""

    consumers: int = 3
    batch_records_max: int = 40
    warehouse_port: int = 0


SMALL = Plan()


class Stack:
    """A broker's topic, a server process, and consumers by number."""

    def __init__(self, place: Path, log: KafkaLog, config: KafkaConfig, plan: Plan) -> None:
        self.place, self.log, self.config = place, log, config
        self.warehouse: Warehouse
        (port,) = free_ports(1)
        self.port = port
        url = f"http://127.0.0.1:{port}"
        engine = [str(Path(__file__).with_name("engine.py")), str(place / "warehouse"), str(port)]
        self.engine = Process(engine, {}, place / "engine.txt")
        self.url = url
        self.environment = {
            "NETIV_KAFKA": config.bootstrap, "NETIV_KAFKA_TOPIC": config.topic,
            "NETIV_KAFKA_PARTITIONS": str(config.partitions), "NETIV_KAFKA_SESSION_TIMEOUT_S": "2",
            "NETIV_CLICKHOUSE": f"http://127.0.0.1:{plan.warehouse_port or port}", "NETIV_CLICKHOUSE_USER": "owner",
            "NETIV_CLICKHOUSE_PASSWORD": "secret", "NETIV_DATA": str(place),
            "NETIV_BATCH_RECORDS_MAX": str(plan.batch_records_max),
        }  # fmt: skip
        self.consumers = [
            Process(
                ["-m", "netiv", "consumers"],
                {**self.environment, "NETIV_CONSUMER": f"c{n}"},
                place / f"consumer{n}.txt",
            )
            for n in range(plan.consumers)
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

    async def derived(self, deadline_s: float = 150.0) -> None:
        """Until everything appended is derived; dead consumers are started again."""

        async def done() -> bool:
            for consumer in self.consumers[:2]:
                if not consumer.alive:
                    consumer.start()
            return await self.log.committed("netiv") == await self.log.ends()

        try:
            await until(done, deadline_s)
        except TimeoutError:
            raise AssertionError("\n".join(process.tail() for process in [*self.consumers[:2], self.engine])) from None

    async def loaded(self) -> None:
        """Until the facts of everything appended are in (whoever is frozen meanwhile)."""

        async def done() -> bool:
            ends = await self.log.ends()
            marks = await self.log.committed("loaded")
            return all(marks.get(partition, 0) >= end for partition, end in ends.items())

        await until(done, 90.0)


@asynccontextmanager
async def open_stack(tmp_path: Path, plan: Plan = SMALL, config: KafkaConfig | None = None) -> AsyncIterator[Stack]:
    """The server runs and is migrated; no consumer runs yet."""
    config = config or config_for(tmp_path, 4)
    await ensure_topic(config)
    async with AsyncExitStack() as exits:
        log = await open_kafka_log(config)
        exits.push_async_callback(log.close)
        stack = Stack(tmp_path, log, config, plan)
        for process in (stack.engine, *stack.consumers):
            exits.callback(process.kill)
        stack.engine.start()
        warehouse = await stack.open_warehouse()
        exits.push_async_callback(warehouse.close)
        direct = {**stack.environment, "NETIV_CLICKHOUSE": stack.url}
        migration = Process(["-m", "netiv", "migrate"], direct, tmp_path / "migrate.txt").start()
        exits.callback(migration.kill)
        assert migration.process is not None
        assert await asyncio.to_thread(migration.process.wait, 90) == 0, migration.tail()
        stack.warehouse = warehouse
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


async def check(stack: Stack, world: str = "w") -> list[Stored]:
    """Every fact once, and every table as the model derives it from the log, which is returned."""
    warehouse = stack.warehouse
    stored: list[Stored] = []
    for partition in range(stack.log.partitions):
        stored += await stack.log.read_from(partition, 0, 1_000_000, 1 << 30)
    rows = await warehouse.rows("SELECT count(), uniqExact(log_gen, log_part, log_off) FROM events")
    bad = await warehouse.rows("SELECT count() FROM bad_events FINAL")
    assert rows[0][0] == rows[0][1] == len(stored) - bad[0][0]
    pipeline = Pipeline(warehouse, load())  # type: ignore[arg-type]
    await pipeline.use("standard", load())
    if differing := difference(await pipeline.tables(world), pipeline.model(stored, "standard")):
        pytest.fail(pformat(differing, width=160)[:6_000])
    return stored
