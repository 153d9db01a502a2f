"""What Kafka adds to the contract: effective safety settings, sizes, generations, what a missing broker looks like."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from collector.spool import open_spooled_log
from eventlog.contract import LogError, LogUnavailable, Record
from eventlog.kafka import KafkaLog, ensure_topic, open_kafka_log
from eventlog.kafka.config import RECORD_BYTES_MAX, KafkaConfig
from eventlog.kafka.producers import make_producer
from eventlog.kafka.reader import make_consumer
from eventlog.places import partition_of
from schemas.settings import Settings
from tests.kafka.administering import administering
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio


async def test_nothing_of_the_clients_unsafe_defaults_is_left(config: KafkaConfig) -> None:
    producer, consumer = make_producer(config), make_consumer(config, "g")
    try:
        assert producer._sender._acks == -1
        assert producer._txn_manager is not None
        assert producer._txn_manager.transactional_id is None
        assert consumer._enable_auto_commit is False
        assert consumer._auto_offset_reset == "earliest"
        assert consumer._isolation_level == "read_committed"
    finally:
        await producer.stop()
        await consumer.stop()


async def test_the_topic_is_made_once_with_settings_that_lose_nothing(config: KafkaConfig) -> None:
    assert await ensure_topic(config)
    assert not await ensure_topic(config)
    async with administering(**config.client()) as admin:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, config.topic)])
    found = {name: value for _, _, _, _, entries in answer.resources for name, value, *_ in entries}
    assert found["retention.ms"] == "-1"
    assert found["cleanup.policy"] == "delete"
    assert int(found["max.message.bytes"]) >= 2 * RECORD_BYTES_MAX
    assert int(found["retention.bytes"]) == config.bytes_max // config.partitions


async def test_a_topic_that_compacts_is_told(config: KafkaConfig) -> None:
    async with administering(**config.client()) as admin:
        await admin.create_topics([NewTopic(config.topic, 1, 1, topic_configs={"cleanup.policy": "compact,delete"})])
    with capture_logs() as said:
        assert not await ensure_topic(config)
    [one] = said
    assert one["event"] == "topic_loses_events"
    assert "cleanup.policy=delete" in one["hint"]
    sound = msgspec.structs.replace(config, topic=f"{config.topic}-sound")
    with capture_logs() as said:
        assert await ensure_topic(sound)
        assert not await ensure_topic(sound)
    assert said == []


async def test_a_topic_made_anew_is_another_generation(config: KafkaConfig, log: KafkaLog) -> None:
    before = log.generation
    async with administering(**config.client()) as admin:
        await admin.delete_topics([config.topic])
    await until(lambda: ensure_topic(config))

    async def anew() -> bool:  # the brokers' metadata may lag a moment behind
        again = await open_kafka_log(config)
        try:
            assert again.generation
            return again.generation != before and sum((await again.ends()).values()) == 0
        finally:
            await again.close()

    await until(anew)


@pytest.mark.parametrize("key", [b"", b"site\x1fvisitor", "שלום".encode(), bytes(300)])
async def test_keys_go_where_the_embedded_log_puts_them(log: KafkaLog, key: bytes) -> None:
    (position,) = await log.append([Record(key, b"v")])
    assert position.partition == partition_of(key, 4)


async def test_a_large_record_goes_through(log: KafkaLog) -> None:
    value = bytes(range(256)) * (RECORD_BYTES_MAX // 256 - 1)
    (position,) = await log.append([Record(b"k", value)])
    (stored,) = await log.read_from(position.partition, position.offset, 1, 1)
    assert stored.value == value


async def test_an_oversized_record_is_refused_before_anything_is_sent(log: KafkaLog) -> None:
    with pytest.raises(LogError, match="too large") as refused:
        await log.append([Record(b"k", b"small"), Record(b"k", bytes(RECORD_BYTES_MAX + 1))])
    assert not isinstance(refused.value, LogUnavailable)
    assert sum((await log.ends()).values()) == 0


async def test_a_record_the_topic_refuses_fails_alone_and_blocks_nothing(config: KafkaConfig) -> None:
    """A topic somebody made with a lower limit: batches are halved down to the one record that does not fit."""
    await ensure_topic(config)
    await _set_limit(config, 10_000)
    log = await open_kafka_log(msgspec.structs.replace(config, compression="none"))
    try:
        appends = [log.append([Record(b"k", bytes(3_000) + bytes([n]))]) for n in range(8)]
        appends.insert(4, log.append([Record(b"k", bytes(20_000))]))
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [list] * 4 + [LogError] + [list] * 4
        partition = partition_of(b"k", 4)
        found = await log.read_from(partition, 0, 100, 1 << 20)
        assert [stored.value[-1] for stored in found] == list(range(8))
        assert await log.append([Record(b"k", b"after")])
    finally:
        await log.close()


async def _set_limit(config: KafkaConfig, limit: int) -> None:
    async with administering(**config.client()) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, config.topic, {"max.message.bytes": str(limit)})
        await admin.alter_configs([resource])


async def test_a_missing_topic_is_named_with_its_remedy(config: KafkaConfig) -> None:
    with pytest.raises(LogError, match=f"no topic {config.topic}") as missing:
        await open_kafka_log(config)
    assert "migrate" in missing.value.hint


async def test_a_missing_broker_is_unavailable_not_a_crash(config: KafkaConfig, unused_port: int) -> None:
    nowhere = msgspec.structs.replace(config, bootstrap=f"127.0.0.1:{unused_port}")
    with pytest.raises(LogUnavailable) as missing:
        await open_kafka_log(nowhere)
    assert "NETIV_KAFKA" in missing.value.hint
    with pytest.raises(LogUnavailable):
        await ensure_topic(nowhere)


async def test_appending_to_a_closed_log_is_unavailable(log: KafkaLog) -> None:
    await log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        await log.append([Record(b"k", b"v")])


@pytest.mark.parametrize("bootstrap", ["", " , ", "localhost:abc", "http://localhost:9092", "a:1;b:2", "user@a:1"])
async def test_what_is_no_address_of_a_broker_is_told(bootstrap: str, tmp_path: Path) -> None:
    settings = Settings(kafka=bootstrap, data=tmp_path)
    with pytest.raises(LogError, match="NETIV_KAFKA"):
        await open_kafka_log(settings)
    with pytest.raises(LogError, match="NETIV_KAFKA"):  # brokers may come; an address does not
        await open_spooled_log(settings, lambda: 0)


def test_addresses_are_read_as_people_write_them() -> None:
    written = KafkaConfig(bootstrap=" a.example:1, b ,[::1]:9092,10.0.0.1:9092,")
    assert written.addresses() == ["a.example:1", "b", "[::1]:9092", "10.0.0.1:9092"]
