"""Several readers of one group: partitions move only after their holder let go, and what is lost is never handed out."""

from __future__ import annotations

import asyncio

import pytest

from eventlog.contract import Reader, Record
from eventlog.kafka import KafkaLog
from eventlog.kafka.turns import Turns

pytestmark = pytest.mark.anyio


class At:
    def __init__(self, partition: int) -> None:
        self.partition = partition


async def test_a_rebalance_waits_until_the_holder_lets_go() -> None:
    turns = Turns(release_s=30.0)
    await turns.on_partitions_revoked(set())
    await turns.on_partitions_assigned({At(0), At(1)})
    first = await turns.wait()
    turns.hold()
    revoking = asyncio.create_task(turns.on_partitions_revoked({At(0), At(1)}))
    await asyncio.sleep(0)
    assert turns.number != first[0]
    assert not revoking.done()
    turns.release()
    async with asyncio.timeout(5.0):
        await revoking
    await turns.on_partitions_assigned({At(1)})
    assert await turns.wait() == (turns.number, frozenset({1}))


async def test_a_rebalance_does_not_wait_for_ever() -> None:
    turns = Turns(release_s=0.01)
    await turns.on_partitions_assigned({At(0)})
    turns.hold()
    async with asyncio.timeout(5.0):
        await turns.on_partitions_revoked({At(0)})


async def follow(reader: Reader, found: list[bytes], stop: asyncio.Event) -> None:
    """A consumer as the product has one: find the place, read, commit, let go at a new turn."""
    number = -1
    while not stop.is_set():
        if number < 0:
            number, _ = await reader.assigned()
            for partition, offset in (await reader.committed()).items():
                await reader.seek(partition, offset)
        batch = await reader.read(10, 1 << 20, 0.1)
        if batch.assignment != number:
            number = -1
            continue
        found += [record.value for record in batch.records]
        await reader.commit({record.position.partition: record.position.offset + 1 for record in batch.records})


async def test_every_record_is_consumed_once_while_readers_come_and_go(log: KafkaLog) -> None:
    found: list[bytes] = []
    total = 0
    stops: list[tuple[Reader, asyncio.Event, asyncio.Task[None]]] = []

    async def join() -> None:
        reader = await log.reader("g")
        stop = asyncio.Event()
        stops.append((reader, stop, asyncio.create_task(follow(reader, found, stop))))

    async def leave() -> None:
        reader, stop, task = stops.pop(0)
        stop.set()
        await task
        await reader.close()

    async def publish() -> None:
        nonlocal total
        await log.append([Record(f"k{n}".encode(), str(total + n).encode()) for n in range(100)])
        total += 100

    async with asyncio.timeout(90.0):
        for step in (join, publish, join, publish, join, publish, leave, publish, leave, publish):
            await step()
        while len(found) < total:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await leave()
    assert sorted(found, key=int) == [str(n).encode() for n in range(total)]
    assert await log.committed("g") == await log.ends()


async def test_partitions_are_dealt_out_and_none_twice(log: KafkaLog) -> None:
    first = await log.reader("g")
    assert (await first.assigned())[1] == {0, 1, 2, 3}
    joining = asyncio.create_task(log.reader("g"))
    async with asyncio.timeout(30.0):
        while (await first.read(1, 1, 0.1)).assignment == 1:
            pass
        _, mine = await first.assigned()
        second = await joining
        _, others = await second.assigned()
    assert mine | others == {0, 1, 2, 3}
    assert not mine & others
    await second.seek(min(mine), 0)  # not its own: left alone
    await second.commit({min(mine): 0})
    await second.close()
    await first.close()
