"""Offsets without a record: markers of others' transactions, and what the brokers deleted before anybody read it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from eventlog.contract import Batch, Reader, Record
from eventlog.kafka import KafkaLog, ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from tests.kafka.administering import administering
from tests.kafka.backend import config_for
from tests.kafka.consumer_stack import Plan, open_stack, publish, visits
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lane(tmp_path: Path) -> AsyncIterator[tuple[KafkaConfig, KafkaLog]]:
    """A log of one partition."""
    config = config_for(tmp_path, 1, session_timeout_s=3.0, rebalance_timeout_s=10.0)
    await ensure_topic(config)
    log = await open_kafka_log(config)
    try:
        yield config, log
    finally:
        await log.close()


@asynccontextmanager
async def transaction(config: KafkaConfig) -> AsyncIterator[AIOKafkaProducer]:
    """Another program's, begun."""
    producer = AIOKafkaProducer(bootstrap_servers=config.bootstrap, transactional_id=f"t-{config.topic}")
    await producer.start()
    try:
        await producer.begin_transaction()
        yield producer
    finally:
        await producer.stop()


async def delete(config: KafkaConfig, before: dict[int, int]) -> None:
    """As retention by size does."""
    places = {TopicPartition(config.topic, p): RecordsToDelete(before_offset=offset) for p, offset in before.items()}
    async with administering(**config.client()) as admin:
        await admin.delete_records(places)


async def read_all(reader: Reader, end: int) -> tuple[list[bytes], list[Batch]]:
    """Until the end of partition 0, committed."""
    batches: list[Batch] = []
    reached = 0
    while reached < end:
        batch = await reader.read(100, 1 << 20, 0.5)
        batches.append(batch)
        reached = max([reached, batch.passed.get(0, 0), *(one.position.offset + 1 for one in batch.records)])
    await reader.commit({0: reached})
    return [one.value for batch in batches for one in batch.records], batches


@pytest.mark.parametrize("ends_well", [True, False], ids=["committed", "aborted"])
async def test_markers_of_a_transaction_are_passed(lane: tuple[KafkaConfig, KafkaLog], ends_well: bool) -> None:
    config, log = lane
    await log.append([Record(b"k", b"ours")])
    async with transaction(config) as producer:
        await producer.send_and_wait(config.topic, b"theirs", partition=0)
        await (producer.commit_transaction() if ends_well else producer.abort_transaction())

    async def marked() -> bool:
        return await log.ends() == {0: 3}

    await until(marked)
    await log.mark("g", {0: 2})
    async with asyncio.timeout(20.0):
        assert await log.oldest_unread_at("g") == {}
        found = [one.value for one in await log.read_from(0, 0, 100, 1 << 20)]
        assert await log.retain(0.0, 1 << 30, ["g"]) == 2
    assert found == ([b"ours", b"theirs"] if ends_well else [b"ours"])
    await log.append([Record(b"k", b"after")])
    reader = await log.reader("g")
    await reader.assigned()
    await reader.seek(0, 2)
    async with asyncio.timeout(20.0):
        values, batches = await read_all(reader, 4)
    assert values == [b"after"]
    assert not any(batch.lost for batch in batches)
    assert await log.committed("g") == await log.ends()


async def test_a_marker_at_the_end_is_passed(lane: tuple[KafkaConfig, KafkaLog]) -> None:
    config, log = lane
    reader = await log.reader("g")
    await reader.assigned()
    await reader.seek(0, 0)
    async with transaction(config) as producer:
        await producer.send_and_wait(config.topic, b"theirs", partition=0)
        await producer.abort_transaction()
    async with asyncio.timeout(20.0):
        assert (await read_all(reader, 2))[0] == []
    assert await log.committed("g") == {0: 2} == await log.ends()


@pytest.mark.parametrize("first", [15, 20], ids=["some are left", "none is left"])
async def test_what_was_deleted_unread_is_told_and_passed(lane: tuple[KafkaConfig, KafkaLog], first: int) -> None:
    config, log = lane
    await log.append([Record(b"k", str(n).encode()) for n in range(20)])
    await log.mark("g", {0: 5})
    await delete(config, {0: first})
    reader = await log.reader("g")
    await reader.assigned()
    await reader.seek(0, (await reader.committed())[0])
    async with asyncio.timeout(20.0):
        values, batches = await read_all(reader, 20)
    assert [int(value) for value in values] == list(range(first, 20))
    assert sum(batch.lost for batch in batches) == first - 5
    assert await log.committed("g") == {0: 20}


async def test_consumers_go_on_where_retention_took_what_they_had_not_read(tmp_path: Path) -> None:
    async with open_stack(tmp_path, Plan(consumers=1)) as stack:
        pieces = publish(stack, visits(random.Random(5), 60), 2)
        await anext(pieces)
        stack.consumers[0].start()
        await stack.derived()
        stack.consumers[0].kill()
        await _all(pieces)
        before = sum((await stack.log.committed("netiv")).values())
        ends = await stack.log.ends()
        await delete(stack.config, ends)
        await stack.derived()
        assert await stack.log.committed("netiv") == ends
        assert stack.consumers[0].said('"records_lost"'), stack.consumers[0].tail()
        [(kept,)] = await stack.warehouse.rows("SELECT count() FROM events")
        assert kept == before


async def _all(pieces: AsyncIterator[int]) -> None:
    async for _ in pieces:
        pass
