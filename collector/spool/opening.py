"""Opens the collector's log in clustered mode: Kafka behind a local spool. Kafka need not be there yet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from collector.spool.log import SpooledLog, SpoolPolicy
from collector.spool.slot import claim
from eventlog.contract import DirectLog
from schemas.settings import Settings


async def open_spooled_log(settings: Settings, clock_ms: Callable[[], int]) -> SpooledLog:
    """Raises `LogError` when there is no place for a spool."""
    slots = await claim(settings.data / "spool", settings.spool_bytes_max)
    return SpooledLog(partial(_open_kafka, settings), slots, SpoolPolicy(settings.spool_after_s), clock_ms)


async def _open_kafka(settings: Settings) -> DirectLog:
    from eventlog.kafka import open_kafka_log  # an extra: single-machine installations do without

    return await open_kafka_log(settings)
