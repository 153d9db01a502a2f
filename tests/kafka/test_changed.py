"""A topic that is deleted and made again, or given more partitions, while readers, writers and consumers work with it."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from aiokafka.admin import NewPartitions

from eventlog.contract import LogChanged, LogUnavailable, Record
from eventlog.kafka import KafkaLog, ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from eventlog.kafka.writing import partition_of
from schemas.record import Accepted, decode
from tests.kafka.administering import administering
from tests.kafka.consumer_stack import Plan, check, open_stack, publish, visits
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio


async def delete(config: KafkaConfig) -> None:
    async with administering(**config.client()) as admin:
        await admin.delete_topics([config.topic])


async def add_partitions(config: KafkaConfig, count: int) -> None:
    async with administering(**config.client()) as admin:
        await admin.create_partitions({config.topic: NewPartitions(count)})


async def opened(config: KafkaConfig, generation: int = 0, partitions: int = 0) -> KafkaLog:
    """The log, when every broker knows it as it is now."""
    found: list[KafkaLog] = []

    async def there() -> bool:
        log = await open_kafka_log(config)
        if log.generation != generation and log.partitions >= partitions:
            found.append(log)
            return True
        await log.close()
        return False

    await until(there)
    return found[0]


async def made_anew(config: KafkaConfig, before: int) -> KafkaLog:
    await delete(config)
    await until(lambda: ensure_topic(config))
    return await opened(config, before)


async def test_offsets_of_the_topic_before_count_for_nothing(config: KafkaConfig, log: KafkaLog) -> None:
    await log.append([Record(b"k", str(n).encode()) for n in range(10)])
    reader = await log.reader("g")
    await reader.assigned()
    batch = await reader.read(100, 1 << 20, 5.0)
    anew = await made_anew(config, log.generation)
    try:
        await anew.append([Record(b"k", b"new")])
        with pytest.raises(LogChanged, match="anew"):
            await reader.commit({one.position.partition: one.position.offset + 1 for one in batch.records})
        with pytest.raises(LogChanged, match="anew"):
            await log.ends()
        assert set((await anew.committed("g")).values()) == {0}
    finally:
        await anew.close()


async def test_a_commit_beyond_the_end_is_not_of_this_topic(log: KafkaLog) -> None:
    """As a consumer of an earlier version left them where a topic was made anew under it."""
    (at,) = await log.append([Record(b"k", b"0")])
    await log.mark("g", {at.partition: 100})
    reader = await log.reader("g")
    await reader.assigned()
    assert (await reader.committed())[at.partition] == 0
    await reader.seek(at.partition, 0)
    assert [one.value for one in (await reader.read(10, 1 << 20, 5.0)).records] == [b"0"]


async def test_a_reader_that_is_given_a_partition_it_does_not_know(config: KafkaConfig, log: KafkaLog) -> None:
    reader = await log.reader("g")
    await reader.assigned()
    await add_partitions(config, 6)
    await (await opened(config, partitions=6)).close()
    with pytest.raises(LogChanged, match="6 partitions now, not 4"):
        await reader.committed()


async def test_a_writer_whose_partitions_are_gone_is_told(config: KafkaConfig, log: KafkaLog) -> None:
    await log.append([Record(str(n).encode(), b"") for n in range(20)])
    await delete(config)
    fewer = msgspec.structs.replace(config, partitions=1)
    await until(lambda: ensure_topic(fewer))
    await (await opened(fewer, log.generation)).close()
    key = next(str(n).encode() for n in range(20) if partition_of(str(n).encode(), 4) == 3)

    async def refused_for_what_it_is() -> bool:
        with pytest.raises(LogUnavailable) as caught:
            await log.append([Record(key, b"")])
        return "Unrecognized partition" in str(caught.value)

    await until(refused_for_what_it_is, 90.0)


async def test_consumers_go_over_to_a_topic_made_anew(tmp_path: Path) -> None:
    async with open_stack(tmp_path, Plan(consumers=2)) as stack:
        for consumer in stack.consumers:
            consumer.start()
        async for _ in publish(stack, visits(random.Random(1), 120), 3):
            pass
        await stack.derived()
        stack.log = await made_anew(stack.config, stack.log.generation)
        try:
            async for _ in publish(stack, visits(random.Random(2), 60), 1):
                pass
            sent = set()
            for partition in range(stack.log.partitions):
                for stored in await stack.log.read_from(partition, 0, 1_000, 1 << 30):
                    record = decode(stored.value)
                    if isinstance(record, Accepted):
                        sent.add((record.event_id, stack.log.generation))

            async def there() -> bool:
                rows = await stack.warehouse.rows("SELECT event_id, log_gen FROM events")
                return sent <= {(event, generation) for event, generation in rows}

            await until(there, 120.0)
            await stack.derived()
        finally:
            await stack.log.close()


async def test_consumers_go_on_when_partitions_are_added(tmp_path: Path) -> None:
    async with open_stack(tmp_path, Plan(consumers=2)) as stack:
        for consumer in stack.consumers:
            consumer.start()
        world = visits(random.Random(3), 120)
        pieces = publish(stack, world, 3)
        await anext(pieces)
        await stack.derived()
        await add_partitions(stack.config, 6)
        stack.log = await opened(stack.config, partitions=6)
        try:
            async for _ in pieces:
                pass
            await stack.derived()
            await check(stack)
            for consumer in stack.consumers:
                assert not consumer.said("Traceback"), consumer.tail()
        finally:
            await stack.log.close()
