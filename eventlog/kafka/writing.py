"""Appends: records go to their partitions' lanes, and the call returns when every lane has brought its share home."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from zlib import crc32

from eventlog.contract import LogError, LogUnavailable, Position, Record
from eventlog.kafka.config import RECORD_BYTES_MAX, WAITING_BYTES_MAX, KafkaConfig
from eventlog.kafka.lane import Lane
from eventlog.kafka.producers import Producers
from eventlog.kafka.ticket import Share, Ticket
from eventlog.kafka.topic import Topic


def partition_of(key: bytes, partitions: int) -> int:
    """CRC-32 (IEEE) of the key modulo `partitions`: as the embedded log does it."""
    return crc32(key) % partitions


class Writing:
    """The writing half of the log."""

    def __init__(self, config: KafkaConfig, topic: Topic, clock_ms: Callable[[], int]) -> None:
        self._config = config
        self._topic = topic
        self._clock_ms = clock_ms
        self._producers = Producers(config)
        self._lanes = [Lane(self._producers, topic.name, n) for n in range(topic.partitions)]
        self._waiting_bytes = 0
        self._closed = False

    async def start(self) -> None:
        """Make the producer now rather than at the first append."""
        await self._producers.get()

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append durably; positions in the order given."""
        if self._closed:
            raise LogUnavailable("The log is closed")
        if not records:
            return []
        size = self._admit(records)
        count = self._topic.partitions
        ticket = Ticket(records, self._clock_ms())
        shares: dict[int, Share] = {}
        partitions = [crc32(record.key) % count for record in records]
        for index, partition in enumerate(partitions):
            share = shares.get(partition)
            if share is None:
                share = shares[partition] = Share(ticket)
            share.indexes.append(index)
        for partition, share in shares.items():
            self._lanes[partition].put(share)
        try:
            async with asyncio.timeout(self._config.append_timeout_s):
                await ticket.done
        except TimeoutError:
            raise LogUnavailable("Kafka does not answer in time") from None
        finally:
            self._waiting_bytes -= size
        generation = self._topic.generation
        return [
            Position(generation, partition, offset)
            for partition, offset in zip(partitions, ticket.offsets, strict=True)
        ]

    async def close(self) -> None:
        """Give what is under way a moment, then end."""
        self._closed = True
        await self._producers.close()
        for lane in self._lanes:
            await lane.close()

    def _admit(self, records: Sequence[Record]) -> int:
        """Bytes of the values. Raises for what can't or may not wait here."""
        sizes = [len(record.value) for record in records]
        if max(sizes) > RECORD_BYTES_MAX:
            raise LogError(f"A record of {max(sizes)} bytes is too large", f"At most {RECORD_BYTES_MAX} bytes fit.")
        size = sum(sizes)
        if self._waiting_bytes + size > WAITING_BYTES_MAX:
            raise LogUnavailable("Too much waits for Kafka already")
        self._waiting_bytes += size
        return size
