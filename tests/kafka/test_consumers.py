"""Several consumer processes on one topic and one server: killed, joining, leaving; the tables equal the model."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from tests.kafka.consumer_stack import Stack, check, publish, visits
from tests.kafka.processes import Process
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio


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
