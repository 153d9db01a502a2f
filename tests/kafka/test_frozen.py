"""Consumers frozen past their session while others take their partitions: what they still had in hand doubles nothing."""

from __future__ import annotations

import asyncio
import random
import signal
import time

import pytest

from tests.kafka.consumer_stack import Stack, check, publish, visits
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio


async def freezes(stack: Stack, chance: random.Random, events: int, count: int) -> None:
    """Publish all the time; freeze one of two consumers, wait for the other to take over, thaw."""
    for consumer in stack.consumers[:2]:
        consumer.start()
    pieces = publish(stack, visits(chance, events), count * 4)
    for number in range(count):
        frozen, other = stack.consumers[number % 2], stack.consumers[1 - number % 2]
        await until(lambda frozen=frozen: holds(frozen.said, '"resumed"'))
        await anext(pieces)
        await asyncio.sleep(chance.random() * 0.4)  # any moment of a batch's way
        assert frozen.process is not None
        frozen.process.send_signal(signal.SIGSTOP)
        turns = other.times('"resumed"')
        await anext(pieces)
        # Frozen in the middle of a rebalance, as its leader, it holds the group up for twice the rebalance time-out.
        await until(lambda other=other, turns=turns: holds(lambda _: other.times('"resumed"') > turns, ""), 150.0)
        await anext(pieces)
        await stack.loaded()
        frozen.process.send_signal(signal.SIGCONT)
        await anext(pieces)
    async for _ in pieces:
        pass
    await stack.derived()
    await check(stack)


async def holds(condition: object, text: str) -> bool:
    return bool(condition(text))  # type: ignore[operator]


async def test_a_frozen_consumer_that_wakes_doubles_nothing(stack: Stack) -> None:
    await freezes(stack, random.Random(3), events=400, count=3)


@pytest.mark.long
async def test_twenty_freezes(stack: Stack) -> None:
    began = time.monotonic()
    await freezes(stack, random.Random(4), events=4_000, count=20)
    print(f"20 freezes in {time.monotonic() - began:.0f} s")
