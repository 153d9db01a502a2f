"""Looks at the topic without joining a group: ends, beginnings, times, records at a place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from eventlog.contract import Position, Stored
from eventlog.kafka.config import REQUEST_S, KafkaConfig
from eventlog.kafka.faults import within
from eventlog.kafka.topic import Topic

FETCH_BYTES: Final = 1024**2
FETCH_WAIT_MS: Final = 50


class Peek:
    """One client, one question at a time."""

    def __init__(self, config: KafkaConfig, topic: Topic) -> None:
        self._topic = topic
        self._places = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
        self._lock = asyncio.Lock()
        self._consumer = AIOKafkaConsumer(
            **config.client(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable`."""
        async with within(REQUEST_S):
            await self._consumer.start()

    async def close(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def ends(self) -> dict[int, int]:
        """The next offset of every partition."""
        async with within(REQUEST_S):
            return _by_partition(await self._consumer.end_offsets(self._places))

    async def starts(self) -> dict[int, int]:
        """The oldest kept offset of every partition."""
        async with within(REQUEST_S):
            return _by_partition(await self._consumer.beginning_offsets(self._places))

    async def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        """For each partition with such a record, the first that is not older."""
        async with within(REQUEST_S):
            found = await self._consumer.offsets_for_times(dict.fromkeys(self._places, timestamp_ms))
        return {place.partition: at.offset for place, at in found.items() if at is not None}

    async def read(self, partition: int, offset: int, records_max: int, bytes_max: int) -> list[Stored]:
        """Records from `offset` (or the oldest kept) on, until a limit or the end."""
        start = max(offset, (await self.starts())[partition])
        end = (await self.ends())[partition]
        found: list[Stored] = []
        async with self._lock, within(REQUEST_S * 3):
            self._go({partition: start})
            try:
                while start < end and len(found) < records_max and (bytes_max > 0 or not found):
                    some = await self._some(records_max - len(found))
                    if not some:
                        start = await self._reached(partition)  # there may be a hole at the end
                    for stored in some:
                        bytes_max -= len(stored.key) + len(stored.value)
                        if found and bytes_max < 0:
                            break
                        found.append(stored)
                        start = stored.position.offset + 1
            finally:
                self._consumer.pause(*self._consumer.assignment())
        return found

    async def one_each(self, places: Mapping[int, int], ends: Mapping[int, int]) -> list[Stored]:
        """The first record at each of these places or behind it; none where there is none below the end."""
        found: dict[int, Stored] = {}
        wanted = set(places)
        async with self._lock, within(REQUEST_S * 3):
            self._go(places)
            try:
                while wanted:
                    some = await self._some(None)
                    for stored in some:
                        found.setdefault(stored.position.partition, stored)
                    wanted -= found.keys()
                    if not some:
                        wanted -= {p for p in wanted if await self._reached(p) >= ends[p]}
            finally:
                self._consumer.pause(*self._consumer.assignment())
        return list(found.values())

    async def _reached(self, partition: int) -> int:
        """How far the client has read."""
        return int(await self._consumer.position(self._places[partition]))

    def _go(self, places: Mapping[int, int]) -> None:
        self._consumer.assign([self._places[partition] for partition in places])
        for partition, offset in places.items():
            self._consumer.seek(self._places[partition], offset)

    async def _some(self, records_max: int | None) -> list[Stored]:
        generation = self._topic.generation
        batches = await self._consumer.getmany(timeout_ms=200, max_records=records_max)
        return [
            Stored(
                Position(generation, place.partition, record.offset),
                record.key or b"",
                record.value or b"",
                record.timestamp,
            )
            for place, records in batches.items()
            for record in records
        ]


def _by_partition(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {place.partition: offset for place, offset in sorted(offsets.items())}
