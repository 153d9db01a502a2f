"""Appends: records go to their partitions' lanes, and whoever waits is told when every lane has brought its share home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from eventlog.contract import LogError, LogUnavailable, Record, Waiter
from eventlog.deadlines import Deadlines
from eventlog.kafka.config import RECORD_BYTES_MAX, WAITING_BYTES_MAX, KafkaConfig
from eventlog.kafka.lane import Lane
from eventlog.kafka.producers import Producers
from eventlog.kafka.ticket import Ticket
from eventlog.kafka.topic import Topic
from eventlog.places import partition_of

SWEEP_S: Final = 0.25


class Writing:
    """The writing half of the log."""

    def __init__(self, config: KafkaConfig, topic: Topic, clock_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._clock_ms = clock_ms
        self._producers = Producers(config)
        self._lanes = [Lane(self._producers, topic.name, n) for n in range(topic.partitions)]
        self._waiting_bytes = 0
        self._under_way: Deadlines[Ticket] = Deadlines(config.append_timeout_s, SWEEP_S, _give_up)
        self._closed = False

    async def start(self) -> None:
        """Make the producer now rather than at the first append."""
        await self._producers.get()

    def submit(self, records: Sequence[Record], waiter: Waiter) -> None:
        """See `DirectLog.submit`."""
        if self._closed:
            raise LogUnavailable("The log is closed")
        ticket = Ticket(records, self._admit(records), waiter, self._ended)
        ticket.timestamp_ms = self._clock_ms()
        self._under_way.add(ticket)
        lanes, count = self._lanes, self._topic.partitions
        for index, record in enumerate(records):
            lanes[partition_of(record.key, count)].put(ticket, index)

    async def close(self) -> None:
        """Give what is under way a moment, then end."""
        self._closed = True
        await self._producers.close()
        for lane in self._lanes:
            await lane.close()
        self._under_way.close()

    def _ended(self, ticket: Ticket) -> None:
        self._under_way.drop(ticket)
        self._waiting_bytes -= ticket.size

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


def _give_up(ticket: Ticket) -> None:
    ticket.failed(LogUnavailable("Kafka does not answer in time"))
