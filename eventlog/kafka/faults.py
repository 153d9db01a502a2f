"""What an error of the client means for the caller, and how long to go on trying. Knows no topic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from aiokafka.errors import (
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NoBrokersAvailable,
    UnknownTopicOrPartitionError,
)

from eventlog.contract import LogError, LogUnavailable
from eventlog.kafka.config import PATIENCE_S

AGAIN_S: Final = 0.25
T = TypeVar("T")

_REACH: Final = "Check NETIV_KAFKA and that the brokers run."
_HINTS: Final[dict[type[BaseException], str]] = {
    KafkaConnectionError: _REACH,
    NoBrokersAvailable: _REACH,
    KafkaTimeoutError: _REACH,
    TimeoutError: _REACH,
    UnknownTopicOrPartitionError: "Make the topic: `netiv migrate`.",
}


def translate(error: BaseException) -> LogUnavailable:
    """The `LogError` that tells a caller what to do."""
    failure = LogUnavailable(f"Kafka: {error}" if str(error) else f"Kafka: {type(error).__name__}")
    failure.hint = _HINTS.get(type(error), "Look at the brokers' logs; the log tries again by itself.")
    return failure


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Gives the block some time; its errors are `LogError`s."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise translate(error) from error


async def patiently(work: Callable[[], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
    """Do it again while brokers move or are away, for some time; then `LogUnavailable`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                return await work()
        except IllegalStateError as error:
            raise LogError(f"Kafka: {error}") from error
        except (KafkaError, OSError, TimeoutError) as error:
            if loop.time() + AGAIN_S >= deadline or _final(error):
                raise translate(error) from error
        await asyncio.sleep(AGAIN_S)


def _final(error: BaseException) -> bool:
    """Trying again would not help. A time-out of the client is not final, though the client says so."""
    return isinstance(error, KafkaError) and not error.retriable and not isinstance(error, KafkaTimeoutError)
