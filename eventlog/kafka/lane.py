"""One partition's way to the brokers: whatever waits goes out as one batch, one batch at a time.

While a batch is under way the next gathers: a future per append and a request per round trip, not per record. One at a
time also keeps the order of a partition through every retry.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from eventlog.contract import LogError, LogUnavailable
from eventlog.kafka.faults import translate
from eventlog.kafka.producers import Producers
from eventlog.kafka.ticket import Share, Ticket
from eventlog.places import base_of

Part = tuple[Ticket, list[int]]


class Lane:
    """The queue of one partition."""

    def __init__(self, producers: Producers, topic: str, partition: int) -> None:
        self._producers = producers
        self._topic = topic
        self._partition = partition
        self._waiting: deque[Share] = deque()
        self._task: asyncio.Task[None] | None = None
        self._records_max = 1 << 30

    def put(self, share: Share) -> None:
        """Queue records; they are on their way when this returns."""
        self._waiting.append(share)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End; what waits fails."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._send_next()
        finally:
            self._task = None
            self._fail_waiting(LogUnavailable("The log is closed"))

    async def _send_next(self) -> None:
        try:
            producer = await self._producers.get()
        except LogError as error:
            self._fail_waiting(error)
            return
        batch = producer.create_batch()
        parts = self._fill(batch)
        if not parts:
            return
        batch.close()
        try:
            future = await producer.send_batch(batch, self._topic, partition=self._partition)
            first = (await future).offset
        except (MessageSizeTooLargeError, RecordTooLargeError):
            self._producers.discard(producer)
            self._split(parts)
        except (KafkaError, OSError) as error:
            self._producers.discard(producer)
            _fail(parts, translate(error))
        except BaseException:  # cancelled: nobody knows what became of the batch
            _fail(parts, LogUnavailable("The log is closed"))
            raise
        else:
            self._records_max = 1 << 30
            self._place(parts, first)

    def _fill(self, batch: object) -> list[Part]:
        """Move records from the queue into the batch until it is full."""
        append = batch.append  # type: ignore[attr-defined]
        parts: list[Part] = []
        count = 0
        while self._waiting:
            share = self._waiting[0]
            ticket = share.ticket
            if not ticket.wanted():
                self._waiting.popleft()
                continue
            start = share.sent
            records, timestamp = ticket.records, ticket.timestamp_ms
            for index in share.indexes[start:] if start else share.indexes:
                record = records[index]
                if count >= self._records_max or (
                    append(key=record.key, value=record.value, timestamp=timestamp) is None
                ):
                    break
                share.sent += 1
                count += 1
            if share.sent > start:
                parts.append((ticket, share.indexes[start : share.sent]))
            if share.sent < len(share.indexes):
                break
            self._waiting.popleft()
        return parts

    def _place(self, parts: list[Part], first: int) -> None:
        if first < 0:  # stored by an earlier attempt, whose answer was lost and is no longer known
            _fail(parts, LogUnavailable("Kafka: stored, but the brokers forgot where"))
            return
        place = base_of(self._partition) + first
        for ticket, indexes in parts:
            ticket.placed(indexes, place)
            place += len(indexes)

    def _split(self, parts: list[Part]) -> None:
        """The topic takes no batch of this size: halve it; a single record that is too large fails alone."""
        count = sum(len(indexes) for _, indexes in parts)
        if count == 1:
            _fail(parts, LogError("The record is larger than the topic allows", "Raise the topic's max.message.bytes."))
            return
        self._records_max = count // 2
        for ticket, indexes in reversed(parts):
            again = Share(ticket)
            again.indexes = indexes
            self._waiting.appendleft(again)

    def _fail_waiting(self, error: LogError) -> None:
        while self._waiting:
            self._waiting.popleft().ticket.failed(error)


def _fail(parts: list[Part], error: LogError) -> None:
    for ticket, _ in parts:
        ticket.failed(error)
