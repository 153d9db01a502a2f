"""ClickHouse away: a consumer says so in its metrics, the doctor says so, the place in the log stays; then it goes on."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from netiv.dev.broker import free_ports
from tests.kafka.backend import config_for
from tests.kafka.consumer_stack import Plan, Stack, check, open_stack, publish, visits
from tests.kafka.processes import Process
from tests.kafka.proxy import Proxy
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio
AWAY = 'netiv_consumer_waiting{part="warehouse"} 1.0'
THERE = 'netiv_consumer_waiting{part="warehouse"} 0.0'


def metrics(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def doctor(stack: Stack, *arguments: str) -> dict[str, dict[str, Any]]:
    """What it says, by check."""
    command = [sys.executable, "-m", "netiv", "doctor", "--json", *arguments]
    done = subprocess.run(
        command, env=stack.consumers[0].environment, cwd=stack.place, capture_output=True, check=False
    )
    return {finding["check"]: finding for finding in json.loads(done.stdout)}


async def test_a_warehouse_that_is_away_is_seen_and_costs_nothing(tmp_path: Path) -> None:
    port, figures = free_ports(2)
    async with (
        open_stack(tmp_path, Plan(warehouse_port=port)) as stack,
        Proxy(f"127.0.0.1:{stack.port}", port) as proxy,
    ):

        async def says(text: str) -> bool:
            assert consumer.alive, consumer.tail()
            return text in await asyncio.to_thread(metrics, figures)

        consumer = stack.consumers[0]
        consumer.environment["NETIV_CONSUMER_METRICS_PORT"] = str(figures)
        consumer.start()
        pieces = publish(stack, visits(random.Random(31), 120), 3)
        await anext(pieces)
        await stack.derived()
        await until(lambda: says(THERE))
        found = await asyncio.to_thread(doctor, stack)
        assert found["warehouse"]["state"] == found["log"]["state"] == "ok"
        found = await asyncio.to_thread(doctor, stack, "--event", "e0")
        assert found["answer"]["state"] == "ok", found

        proxy.refusing = True
        proxy.cut()
        before = await stack.log.committed("netiv")
        await anext(pieces)
        await until(lambda: says(AWAY))
        found = await asyncio.to_thread(doctor, stack)
        assert found["warehouse"]["state"] == "fail"
        assert "keep their place" in found["warehouse"]["fix"]
        assert found["log"]["state"] == "ok"
        assert "40 records to derive" in found["log"]["detail"]
        assert await stack.log.committed("netiv") == before
        found = await asyncio.to_thread(doctor, stack, "--event", "e50")
        assert "on its way" in found["answer"]["detail"], found

        proxy.refusing = False
        async for _ in pieces:
            pass
        await stack.derived()
        await until(lambda: says(THERE))
        assert "netiv_consumer_derived_total" in metrics(figures)
        await check(stack)


async def test_brokers_that_are_away_are_named(tmp_path: Path) -> None:
    async with open_stack(tmp_path) as stack:
        (nobody,) = free_ports(1)
        stack.consumers[0].environment["NETIV_KAFKA"] = f"127.0.0.1:{nobody}"
        found = await asyncio.to_thread(doctor, stack)
        assert found["log"]["state"] == "fail"
        assert "NETIV_KAFKA" in found["log"]["fix"]


async def test_tables_of_this_machine_are_open_while_brokers_are_away(tmp_path: Path) -> None:
    brokers, tables = free_ports(2)
    config = config_for(tmp_path, 2)
    environment = {
        "NETIV_KAFKA": f"127.0.0.1:{brokers}", "NETIV_KAFKA_TOPIC": config.topic, "NETIV_KAFKA_PARTITIONS": "2",
        "NETIV_DATA": str(tmp_path), "NETIV_CLICKHOUSE_PORT": str(tables),
    }  # fmt: skip
    consumer = Process(["-m", "netiv", "consumers"], environment, tmp_path / "consumer.txt")

    async def says(text: str) -> bool:
        assert consumer.alive, consumer.tail()
        return consumer.said(text)

    def counted() -> bytes:
        question = f"http://127.0.0.1:{tables}/?query=SELECT%20count()%20FROM%20netiv.v_events"
        with urllib.request.urlopen(question, timeout=10) as answer:
            return answer.read()

    try:
        consumer.start()
        await until(lambda: says('"waiting"'))
        assert await asyncio.to_thread(counted) == b"0\n"
        async with Proxy(config.bootstrap, brokers):
            await until(lambda: says('"resumed"'))
            assert await asyncio.to_thread(consumer.stop) == 0
        lines = consumer.log.read_text().splitlines()
        assert [line for line in lines if not line.startswith("{")] == []  # each is an event of ours
    finally:
        consumer.kill()
