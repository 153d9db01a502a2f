"""One partition's way to the brokers: whatever waits goes out as one batch, one batch at a time.

While a batch is under way, and for a moment after a quick one, the next gathers: a future per append and a request per round trip,
not per record. One at a time also keeps the order of a partition through every retry.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from eventlog.contract import LogError, LogUnavailable
from eventlog.kafka.faults import translate
from eventlog.kafka.producers import Producers
from eventlog.kafka.ticket import Ticket
from eventlog.places import base_of

Place = tuple[Ticket, int]  # a record: its append, and which of its records it is
# From the start of a batch to the next one's at least. What comes first goes at once; under load a batch costs the client as much as
# ten records, so larger ones are worth the wait. (The Java client waits 5 ms with every batch.)
GATHER_S: Final = 0.012
_NO_HEADERS: Final[list[tuple[str, bytes | None]]] = []


class Lane:
    """The queue of one partition."""

    def __init__(self, producers: Producers, topic: str, partition: int) -> None:
        self._producers = producers
        self._topic = topic
        self._partition = partition
        self._waiting: deque[Place] = deque()
        self._task: asyncio.Task[None] | None = None
        self._records_max = 1 << 30

    def put(self, ticket: Ticket, index: int) -> None:
        """Queue a record; it is on its way when this returns."""
        waiting = self._waiting
        while (
            waiting and waiting[0][0].over
        ):  # given up behind a batch that brokers never answer: whoever tries again fills no memory
            waiting.popleft()
        waiting.append((ticket, index))
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
                began = time.monotonic()
                await self._send_next()
                early_s = GATHER_S - (time.monotonic() - began)
                if early_s > 0 and self._waiting:
                    await asyncio.sleep(early_s)
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
        sent = self._fill(batch)
        if not sent:
            return
        batch.close()
        try:
            future = await producer.send_batch(batch, self._topic, partition=self._partition)
            first = (await future).offset
        except (MessageSizeTooLargeError, RecordTooLargeError):
            self._producers.discard(producer)
            self._split(sent)
        except (KafkaError, OSError, AssertionError) as error:  # so the client says that there is no such partition
            self._producers.discard(producer)
            _fail(sent, translate(error))
        except BaseException:  # cancelled: nobody knows what became of the batch
            _fail(sent, LogUnavailable("The log is closed"))
            raise
        else:
            self._records_max = 1 << 30
            self._place(sent, first)

    def _fill(self, batch: BatchBuilder) -> list[Place]:
        """Move records from the queue into the batch until it is full."""
        # What its `append` goes through for each record takes as long again as this.
        append = batch._builder.append  # noqa: SLF001
        waiting = self._waiting
        sent: list[Place] = []
        asked: Ticket | None = None
        wanted = False
        while waiting and len(sent) < self._records_max:
            ticket, index = waiting[0]
            if ticket is not asked:
                asked, wanted = ticket, ticket.wanted()
            if wanted:
                record = ticket.records[index]
                if append(len(sent), ticket.timestamp_ms, record.key, record.value, _NO_HEADERS) is None:
                    break
                sent.append(waiting[0])
            waiting.popleft()
        batch._relative_offset = len(sent)  # noqa: SLF001
        return sent

    def _place(self, sent: list[Place], first: int) -> None:
        if first < 0:  # stored by an earlier attempt, whose answer was lost and is no longer known
            _fail(sent, LogUnavailable("Kafka: stored, but the brokers forgot where"))
            return
        for place, (ticket, index) in enumerate(sent, base_of(self._partition) + first):
            ticket.places[index] = place
            ticket.left -= 1
            if not ticket.left:
                ticket.placed()

    def _split(self, sent: list[Place]) -> None:
        """The topic takes no batch of this size: halve it; a single record that is too large fails alone."""
        if len(sent) == 1:
            _fail(sent, LogError("The record is larger than the topic allows", "Raise the topic's max.message.bytes."))
            return
        self._records_max = len(sent) // 2
        self._waiting.extendleft(reversed(sent))

    def _fail_waiting(self, error: LogError) -> None:
        while self._waiting:
            self._waiting.popleft()[0].failed(error)


def _fail(sent: list[Place], error: LogError) -> None:
    for ticket, _ in sent:
        ticket.failed(error)
