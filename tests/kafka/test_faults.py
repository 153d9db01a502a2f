"""Brokers killed, away, slow: what the collector acknowledged over HTTP is in the log; what it did not may be, once.

A copy of an event in the log has the same event id: consumers keep one of them (`event_duplicates`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from eventlog.contract import LogError
from eventlog.kafka import KafkaLog, ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from netiv.dev.broker import Cluster, free_ports
from schemas.record import Accepted, decode
from schemas.sites import Key, Site, Sites, dump, hash_key
from tests.kafka.processes import Process
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio

KEY = "test_public_key_0000000000"


class Load:
    """Clients that post numbered events until told to stop; who was told what."""

    per_request = 5
    pause_s = 0.01

    def __init__(self, port: int) -> None:
        self.port = port
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.retry_after: list[str] = []
        self._numbers = itertools.count()
        self._stop = False

    async def run(self, clients: int = 8) -> None:
        await asyncio.gather(*(self._client(number) for number in range(clients)))

    def stop(self) -> None:
        self._stop = True

    async def _client(self, number: int) -> None:
        while not self._stop:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._connection(number)

    async def _connection(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while not self._stop:
                ids = [f"e{next(self._numbers)}" for _ in range(self.per_request)]
                status, headers = await self._post(reader, writer, number, ids)
                if status == 202:
                    self.acknowledged.update(ids)
                else:
                    self.refused += 1
                    self.retry_after.append(headers.get("retry-after", ""))
                    await asyncio.sleep(0.05)
                await asyncio.sleep(self.pause_s)
        finally:
            writer.close()

    def events(self, number: int, ids: list[str]) -> list[dict[str, Any]]:
        """What one request sends."""
        return [
            {"type": "page", "event_id": each, "visitor_id": f"v{number}", "url": "https://a.test/"} for each in ids
        ]

    async def _post(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, ids: list[str]
    ) -> tuple[int, dict[str, str]]:
        body = json.dumps({"write_key": KEY, "events": self.events(number, ids)}).encode()
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        async with asyncio.timeout(40.0):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            answer = await reader.readexactly(int(headers.get("content-length", "0")))
            assert lines[0].split()[1] in {"202", "503"}, answer
        return int(lines[0].split()[1]), headers


class Stack:
    """Three brokers, a topic of three copies, one collector process."""

    def __init__(self, cluster: Cluster, config: KafkaConfig, place: Path) -> None:
        self.cluster, self.config, self.place = cluster, config, place
        (self.port,) = free_ports(1)
        (place / "data").mkdir()
        self.environment = {
            "NETIV_KAFKA": config.bootstrap, "NETIV_KAFKA_TOPIC": config.topic, "NETIV_DATA": str(place / "data"),
            "NETIV_PORT": str(self.port), "NETIV_SPOOL_AFTER_S": "1.5",
        }  # fmt: skip
        self.collector = Process(["-m", "netiv", "collector"], self.environment, place / "collector.txt")

    async def start(self) -> None:
        self.collector.start()
        await until(self.healthy, 60.0)

    async def healthy(self) -> bool:
        assert self.collector.alive, self.collector.tail()
        return "ok" in await self.get("/healthz")

    async def get(self, path: str) -> str:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return ""
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return (await reader.read()).decode()
        finally:
            writer.close()

    async def spooled(self) -> float:
        for line in (await self.get("/metrics")).splitlines():
            if line.startswith("netiv_spool_records"):
                return float(line.split()[1])
        return -1.0

    async def spool_empty(self) -> bool:
        return await self.spooled() == 0

    async def stored(self) -> dict[str, set[str]]:
        """event id → the log places it is at."""
        log: KafkaLog | None = None

        async def reached() -> bool:
            nonlocal log
            with contextlib.suppress(LogError):
                log = await open_kafka_log(self.config)
            return log is not None

        await until(reached)
        assert log is not None
        found: dict[str, set[str]] = defaultdict(set)
        try:
            for partition in range(log.partitions):
                for one in await log.read_from(partition, 0, 10_000_000, 1 << 40):
                    record = decode(one.value)
                    assert isinstance(record, Accepted)
                    found[record.event_id].add(f"{partition}.{one.position.offset}")
        finally:
            await log.close()
        return found

    async def check(self, load: Load) -> None:
        """Nothing acknowledged is missing; nothing is there that nobody sent."""
        stored: dict[str, set[str]] = {}

        async def complete() -> bool:  # a leader that is new tells of the last records a moment later
            nonlocal stored
            stored = await self.stored()
            return load.acknowledged <= stored.keys()

        try:
            await until(complete, 45.0)
        except TimeoutError:
            lost = len(load.acknowledged - stored.keys())
            spooled = await self.spooled()
            raise AssertionError(
                f"{lost} of {len(load.acknowledged)} lost, {spooled} spooled\n{self.collector.tail()}"
            ) from None
        assert len(load.acknowledged) > 50
        copies = sum(len(places) - 1 for places in stored.values())
        print(f"acknowledged {len(load.acknowledged)}, refused {load.refused}, copies in the log {copies}")


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    with Cluster(tmp_path_factory.mktemp("brokers"), 3) as cluster:
        yield cluster


@pytest.fixture
async def stack(brokers: Cluster, tmp_path: Path) -> AsyncIterator[Stack]:
    brokers.resume()
    config = KafkaConfig(bootstrap=brokers.bootstrap, topic=f"t-{tmp_path.name}"[:100], partitions=4)

    async def made() -> bool:
        with contextlib.suppress(LogError):
            await ensure_topic(config)
            return True
        return False

    await until(made)
    stack = Stack(brokers, config, tmp_path)
    write_site(tmp_path / "data")
    async with AsyncExitStack() as exits:
        exits.callback(stack.collector.kill)
        yield stack


def write_site(folder: Path) -> None:
    site = Site(name="s", write_keys=[Key(sha256=hash_key(KEY))])
    (folder / "sites.json").write_bytes(dump(Sites(sites=[site])))


async def under_load(stack: Stack, *steps: Callable[[Load], object], spool: bool) -> Load:
    """Load, then the steps one by one with some acknowledged events in between, then quiet."""
    load = Load(stack.port)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        for step in (*steps, lambda _: None):
            await more(load, 100)
            outcome = step(load)
            if asyncio.iscoroutine(outcome):
                await outcome
        load.stop()
    if spool:
        await until(stack.spool_empty, 90.0)
    return load


async def more(load: Load, count: int) -> None:
    """Until so many more events are acknowledged. Ends early when a client failed."""
    goal = len(load.acknowledged) + count

    async def reached() -> bool:
        return len(load.acknowledged) >= goal

    await until(reached, 90.0)


async def test_the_leader_is_killed_under_load(stack: Stack) -> None:
    await stack.start()
    broker = stack.cluster.brokers[0]
    load = await under_load(
        stack, lambda _: broker.kill(), lambda load: more(load, 300), lambda _: broker.start(), spool=True
    )
    await stack.check(load)


async def test_all_brokers_are_down_for_a_while(stack: Stack) -> None:
    await stack.start()
    load = await under_load(
        stack,
        lambda _: stack.cluster.stop(),
        lambda load: more(load, 500),
        lambda _: stack.cluster.resume(),
        spool=True,
    )
    await stack.check(load)
    assert load.refused == 0


async def test_the_collector_starts_without_brokers_and_keeps_its_spool_over_a_kill(stack: Stack) -> None:
    stack.cluster.stop()
    await stack.start()
    load = await under_load(stack, spool=False)

    async def all_spooled() -> bool:
        return await stack.spooled() >= len(load.acknowledged)

    await until(all_spooled)
    stack.collector.kill()
    stack.cluster.resume()
    await stack.start()
    await until(stack.spool_empty, 90.0)
    await stack.check(load)
    assert stack.collector.process is not None
    assert await asyncio.to_thread(stack.collector.stop) == 0


async def test_a_full_spool_answers_503_with_retry_after(stack: Stack) -> None:
    stack.cluster.stop()
    stack.collector.environment["NETIV_SPOOL_BYTES_MAX"] = "200000"
    await stack.start()
    load = Load(stack.port)

    async def refusing() -> bool:
        return load.refused > 5

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        await until(refusing, 90.0)
        stack.cluster.resume()
        await more(load, 100)  # takes events again, without a restart
        load.stop()
    await until(stack.spool_empty, 90.0)
    await stack.check(load)
    assert all(int(seconds) >= 5 for seconds in load.retry_after)
    assert load.retry_after
