"""The long profile: 200,000 acknowledged events over HTTP while everything that can fail does, compared with the model.

Three brokers, two collectors, three consumers and now and then a fourth, one server. Run by `make test-faults-long`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from eventlog.contract import LogError
from eventlog.kafka import ensure_topic
from eventlog.kafka.config import KafkaConfig
from netiv.dev.broker import Cluster, free_ports
from schemas.record import Accepted, decode
from schemas.sites import Key, Site, Sites, dump, hash_key
from tests.kafka import test_faults
from tests.kafka.clocks import move, moved_by
from tests.kafka.consumer_stack import Plan, Stack, check, open_stack, publish, visits
from tests.kafka.processes import Process
from tests.kafka.proxy import Proxy
from tests.kafka.test_faults import KEY, Load
from tests.kafka.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.long]
EVENTS = int(os.environ.get("NETIV_TEST_LONG_EVENTS", "200000"))
DAY_MS = 86_400_000
HOUR = 3_600


class Shoppers(Load):
    """Visitors of two months: pages with campaigns, log-ins, orders."""

    per_request = 20
    pause_s = 0.2

    def __init__(self, port: int, prefix: str) -> None:
        super().__init__(port)
        self.prefix = prefix
        self.chance = random.Random(prefix)
        self.began = time.time_ns() // 10**6 - 60 * DAY_MS

    def events(self, number: int, ids: list[str]) -> list[dict[str, Any]]:
        return [self.event(each) for each in ids]

    def event(self, event_id: str) -> dict[str, Any]:
        chance = self.chance
        kind = chance.choice(("page", "page", "page", "page", "track", "identify", "conversion"))
        event: dict[str, Any] = {
            "type": kind, "event_id": self.prefix + event_id, "visitor_id": f"v{chance.randrange(EVENTS // 15)}",
            "created_at": self.began + chance.randrange(60 * DAY_MS),
            "context": {"url": f"https://shop.test/{chance.randrange(9)}?utm_source=s{chance.randrange(4)}&utm_medium=cpc"},
        }  # fmt: skip
        if kind in ("identify", "conversion"):
            event["user_id"] = f"u{chance.randrange(EVENTS // 30)}"
        if kind == "conversion":
            event |= {
                "name": "order_completed",
                "order": {"id": f"o{chance.randrange(EVENTS)}", "value": 10, "currency": "EUR"},
            }
        return event

    @property
    def acknowledged_ids(self) -> set[str]:
        return {self.prefix + each for each in self.acknowledged}


class Day:
    """The stack, and what befalls it."""

    def __init__(
        self, cluster: Cluster, stack: Stack, proxy: Proxy, collectors: list[Process], clocks: list[Path]
    ) -> None:
        self.cluster, self.stack, self.proxy = cluster, stack, proxy
        self.collectors, self.clocks = collectors, clocks
        self.chance = random.Random(99)

    async def leader_killed(self) -> None:
        for broker in self.cluster.brokers:
            broker.kill()
            await asyncio.sleep(8)
            broker.start()
            await asyncio.sleep(8)

    async def brokers_down(self) -> None:
        self.cluster.stop()
        await asyncio.sleep(60)
        self.cluster.resume()

    async def warehouse_refusing(self) -> None:
        self.proxy.refusing = True
        self.proxy.cut()
        await asyncio.sleep(60)
        self.proxy.refusing = False

    async def warehouse_failing(self) -> None:
        for _ in range(40):
            await asyncio.sleep(self.chance.random())
            self.proxy.cut()

    async def rebalances(self) -> None:
        extra = self.stack.consumers[3]
        for number in range(12):
            _ = await asyncio.to_thread(extra.stop) if number % 2 else extra.start()
            await asyncio.sleep(5)
        extra.kill()

    async def consumers_killed(self) -> None:
        for _ in range(15):
            await asyncio.sleep(2 * self.chance.random())
            victim = self.chance.choice(self.stack.consumers[:3])
            victim.kill()
            victim.start()

    async def consumers_frozen(self) -> None:
        for _ in range(4):
            frozen = self.chance.choice(self.stack.consumers[:3])
            assert frozen.process is not None
            frozen.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(6)
            frozen.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(2)

    async def collector_killed(self) -> None:
        for _ in range(5):
            self.collectors[0].kill()
            self.collectors[0].start()
            await asyncio.sleep(4)

    async def clocks_jump(self) -> None:
        for _ in range(10):
            for clock in self.clocks:
                move(clock, self.chance.choice((-HOUR, -60, 0, 60, HOUR)))
            await asyncio.sleep(2)


@asynccontextmanager
async def opened_day(place: Path) -> AsyncIterator[tuple[Day, list[Shoppers]]]:
    proxy_port, *ports = free_ports(3)
    async with AsyncExitStack() as exits:
        cluster = exits.enter_context(Cluster(place / "brokers", 3))
        config = KafkaConfig(bootstrap=cluster.bootstrap, topic="long", partitions=8)

        async def made() -> bool:
            with suppress(LogError):
                await ensure_topic(config)
                return True
            return False

        await until(made)
        stack = await exits.enter_async_context(open_stack(place, Plan(4, 2_000, proxy_port), config))
        proxy = await exits.enter_async_context(Proxy(f"127.0.0.1:{stack.port}", proxy_port))
        clocks = [place / "clock0", place / "clock1"]
        collectors = []
        for number, port in enumerate(ports):
            data = place / f"collector{number}"
            data.mkdir()
            site = Site(name="w.s", secret_keys=[Key(sha256=hash_key(KEY))])
            (data / "sites.json").write_bytes(dump(Sites(sites=[site])))
            environment = {
                "NETIV_KAFKA": config.bootstrap, "NETIV_KAFKA_TOPIC": config.topic, "NETIV_DATA": str(data),
                "NETIV_PORT": str(port), "NETIV_SPOOL_AFTER_S": "1.5", **(moved_by(clocks[0]) if number else {}),
            }  # fmt: skip
            collectors.append(
                Process(["-m", "netiv", "collector"], environment, place / f"collector{number}.txt").start()
            )
            exits.callback(collectors[-1].kill)
        stack.consumers[1].environment |= moved_by(clocks[1])
        for consumer in stack.consumers[:3]:
            consumer.start()
        yield Day(cluster, stack, proxy, collectors, clocks), [Shoppers(port, f"{n}.") for n, port in enumerate(ports)]


async def through_it(day: Day, load: list[Shoppers]) -> None:
    """All faults one after the other, and events until there are enough."""
    faults: list[Callable[[], Awaitable[None]]] = [
        day.consumers_killed, day.warehouse_refusing, day.leader_killed, day.rebalances, day.brokers_down,
        day.consumers_frozen, day.warehouse_failing, day.collector_killed, day.clocks_jump,
    ]  # fmt: skip
    async with asyncio.TaskGroup() as tasks:
        for one in load:
            tasks.create_task(one.run(6))
        for fault in faults:
            began, before = time.monotonic(), sum(len(one.acknowledged) for one in load)
            await fault()
            count = sum(len(one.acknowledged) for one in load) - before
            print(f"{fault.__name__}: {time.monotonic() - began:.0f} s, {count:,} events acknowledged", flush=True)
        await until(lambda: enough(load), 1_200.0)
        for one in load:
            one.stop()


async def enough(load: list[Shoppers]) -> bool:
    return sum(len(one.acknowledged) for one in load) >= EVENTS


async def spools_empty(ports: list[int]) -> bool:
    for port in ports:
        probe = test_faults.Stack.__new__(test_faults.Stack)
        probe.port = port
        if await probe.spooled() != 0:
            return False
    return True


async def test_two_hundred_thousand_events_through_every_fault(tmp_path: Path) -> None:
    began = time.monotonic()
    async with opened_day(tmp_path) as (day, load):
        await until(lambda: spools_empty([one.port for one in load]))
        await through_it(day, load)
        await until(lambda: spools_empty([one.port for one in load]), 120.0)
        await day.stack.derived(900.0)
        print(f"derived after {time.monotonic() - began:.0f} s", flush=True)
        stored = await check(day.stack)
        ids = [record.event_id for one in stored if isinstance(record := decode(one.value), Accepted)]
        acknowledged = set().union(*(one.acknowledged_ids for one in load))
        assert len(acknowledged) >= EVENTS
        assert not acknowledged - set(ids)
        print(
            f"acknowledged {len(acknowledged):,}, refused requests {sum(one.refused for one in load)}, "
            f"stored {len(ids):,}, copies {len(ids) - len(set(ids)):,}, {time.monotonic() - began:.0f} s"
        )


async def test_two_to_eight_consumers_come_and_go(tmp_path: Path) -> None:
    chance = random.Random(8)
    async with open_stack(tmp_path, Plan(consumers=8, batch_records_max=200)) as stack:
        for consumer in stack.consumers[:2]:
            consumer.start()
        step = 0
        async for _ in publish(stack, visits(chance, 6_000), 24):
            consumer = stack.consumers[2 + step % 6]
            if not consumer.alive:
                consumer.start()
            elif chance.random() < 0.5:
                consumer.kill()
            else:
                assert await asyncio.to_thread(consumer.stop) == 0, consumer.tail()
            await asyncio.sleep(2.5)
            step += 1
        assert sum(consumer.alive for consumer in stack.consumers) >= 2
        await stack.derived(300.0)
        await check(stack)
