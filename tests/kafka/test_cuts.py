"""A warehouse that refuses connections and breaks off in the middle of statements: consumers wait, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from netiv.dev.broker import free_ports
from tests.kafka.consumer_stack import Plan, check, open_stack, publish, visits
from tests.kafka.proxy import Proxy

pytestmark = pytest.mark.anyio


async def broken(place: Path, events: int, breaks: int, refusing_s: float) -> None:
    """Publish while the way to the server is cut at random moments and shut for a while."""
    (port,) = free_ports(1)
    chance = random.Random(events)
    async with open_stack(place, Plan(warehouse_port=port)) as stack, Proxy(f"127.0.0.1:{stack.port}", port) as proxy:
        for consumer in stack.consumers[:2]:
            consumer.start()
        async for _ in publish(stack, visits(chance, events), breaks):
            await asyncio.sleep(chance.random())  # any moment of a statement
            proxy.cut()
        proxy.refusing = True
        proxy.cut()
        await asyncio.sleep(refusing_s)
        assert all(consumer.alive for consumer in stack.consumers[:2])
        proxy.refusing = False
        assert proxy.cuts > breaks / 2
        await stack.derived()
        await check(stack)
        for consumer in stack.consumers[:2]:
            assert await asyncio.to_thread(consumer.stop) == 0, consumer.tail()


async def test_a_way_to_the_warehouse_that_breaks(tmp_path: Path) -> None:
    await broken(tmp_path, events=200, breaks=8, refusing_s=3.0)


@pytest.mark.long
async def test_a_hundred_breaks_and_a_minute_of_refusals(tmp_path: Path) -> None:
    await broken(tmp_path, events=4_000, breaks=100, refusing_s=60.0)
