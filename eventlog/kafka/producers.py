"""The producer client, replaced by a new one when a batch failed for good.

A batch that the brokers refused leaves a gap in the producer's sequence numbers; everything after it in that partition
would be refused too, so the next batch needs a producer with a new id.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from eventlog.afterwards import Afterwards
from eventlog.contract import LogUnavailable
from eventlog.kafka.config import BATCH_BYTES, REQUEST_S, TOPIC_BATCH_BYTES_MAX, KafkaConfig
from eventlog.kafka.faults import translate

STOP_S: Final = 5.0


def make_producer(config: KafkaConfig) -> AIOKafkaProducer:
    """As this log needs one: idempotent and acknowledged by all in-sync replicas."""
    return AIOKafkaProducer(
        **config.client(),
        acks="all",
        enable_idempotence=True,
        compression_type=None if config.compression == "none" else config.compression,
        max_batch_size=BATCH_BYTES,
        max_request_size=TOPIC_BATCH_BYTES_MAX,
        linger_ms=0,  # lanes gather while a request is under way; waiting longer would only cost time
    )


class Producers:
    """The producer of now."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()
        self._stopping = Afterwards()
        self._closed = False

    async def get(self) -> AIOKafkaProducer:
        """A started producer. Raises `LogUnavailable`."""
        if self._producer is None:
            async with self._lock:
                if self._producer is None:
                    self._producer = await self._start()
        return self._producer

    def discard(self, producer: AIOKafkaProducer) -> None:
        """The next `get` makes another; what others still have under way on this one goes on."""
        if self._producer is producer:
            self._producer = None
            self._stopping.begin(_stop(producer, REQUEST_S * 3))

    async def close(self) -> None:
        """Give the brokers a moment for what is under way."""
        self._closed = True
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _stop(producer, STOP_S)
        await self._stopping.cancelled()

    async def _start(self) -> AIOKafkaProducer:
        if self._closed:
            raise LogUnavailable("The log is closed")
        producer = make_producer(self._config)
        try:
            async with asyncio.timeout(REQUEST_S):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await _stop(producer, STOP_S)
            raise translate(error) from error
        except BaseException:
            await _stop(producer, STOP_S)
            raise
        return producer


async def _stop(producer: AIOKafkaProducer, patience_s: float) -> None:
    stopping = asyncio.create_task(producer.stop())
    try:
        await asyncio.wait([stopping], timeout=patience_s)
    finally:
        if not stopping.done():
            # An idempotent producer would wait for ever; this is how it is told that nobody else does.
            producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - there is no public way
        with suppress(KafkaError, KeyError, AssertionError, OSError):
            await stopping
