"""Wall clocks of consumers that jump to and fro while events come in: the tables equal the model."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.kafka.clocks import move, moved_by
from tests.kafka.consumer_stack import check, open_stack, publish, visits
from tests.kafka.processes import Process
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio
HOUR = 3_600
YEAR = 365 * 24 * HOUR


async def test_consumers_whose_clocks_jump(tmp_path: Path) -> None:
    async with open_stack(tmp_path) as stack:
        clocks = [tmp_path / f"clock{n}" for n in range(2)]
        for consumer, clock in zip(stack.consumers, clocks, strict=False):
            consumer.environment |= moved_by(clock)
            move(clock, 5 * YEAR)
            consumer.start()
        chance = random.Random(21)
        await until(lambda: knows(stack.consumers[0], time.gmtime(time.time() + 5 * YEAR).tm_year))
        async for _ in publish(stack, visits(chance, 200), 4):
            for clock in clocks:
                move(clock, chance.choice((-26 * HOUR, -HOUR, 0, HOUR, 5 * YEAR)))
            await stack.loaded()
        await stack.derived()
        await check(stack)
        for consumer in stack.consumers[:2]:
            assert await asyncio.to_thread(consumer.stop) == 0, consumer.tail()


async def knows(consumer: Process, year: int) -> bool:
    """Whether the consumer's clock really is where it was put."""
    return consumer.said(f'"timestamp":"{year}-')
