"""Drops what every named group is done with and what is old or too much. The brokers delete; here is decided.

Sizes are estimated from samples of the records, because the brokers tell sizes of files, which hold dropped records
for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from eventlog.kafka.config import REQUEST_S, KafkaConfig
from eventlog.kafka.faults import within
from eventlog.kafka.peek import Peek
from eventlog.kafka.topic import Topic

SAMPLE_RECORDS: Final = 500
SAMPLE_BYTES: Final = 1024**2


def keep_from(starts: Mapping[int, int], limits: Mapping[int, int], wanted: Mapping[int, int]) -> dict[int, int]:
    """Where each partition should begin: as wanted, at most at the limit; only partitions that move."""
    found = {p: min(wanted.get(p, 0), limits[p]) for p in starts}
    return {p: offset for p, offset in found.items() if offset > starts[p]}


def beyond_size(
    starts: Mapping[int, int], ends: Mapping[int, int], sizes: Mapping[int, float], bytes_max: int
) -> dict[int, int]:
    """Where each partition should begin so that all hold about `bytes_max`, every one giving the same part of its own."""
    total = sum((ends[p] - starts[p]) * sizes[p] for p in starts)
    if total <= bytes_max:
        return {}
    part = 1 - bytes_max / total
    return {p: starts[p] + int((ends[p] - starts[p]) * part) for p in starts}


async def record_sizes(peek: Peek, starts: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, float]:
    """Bytes of an average record of each partition."""
    sizes = {}
    for partition, start in starts.items():
        sample = await peek.read(partition, start, SAMPLE_RECORDS, SAMPLE_BYTES) if start < ends[partition] else []
        size = sum(len(record.key) + len(record.value) for record in sample)
        sizes[partition] = size / len(sample) if sample else 0.0
    return sizes


async def drop(config: KafkaConfig, topic: Topic, offsets: Mapping[int, int]) -> None:
    """Make these the first records of their partitions."""
    places = {TopicPartition(topic.name, p): RecordsToDelete(before_offset=offset) for p, offset in offsets.items()}
    admin = AIOKafkaAdminClient(**config.client())
    try:
        async with within(REQUEST_S * 2):
            await admin.start()
            await admin.delete_records(places)
    finally:
        await admin.close()
