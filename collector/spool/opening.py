"""Opens the collector's log in clustered mode: Kafka behind a local spool. Kafka need not be there yet; its client must."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from collector.spool.log import SpooledLog, SpoolPolicy
from collector.spool.slot import claim
from eventlog.contract import DirectLog, LogError
from schemas.settings import Settings


async def open_spooled_log(settings: Settings, clock_ms: Callable[[], int]) -> SpooledLog:
    """Raises `LogError` when there is no place for a spool, no client or no address: that does not come by itself, as brokers do."""
    opening = partial(_opening(settings), settings)
    slots = await claim(settings.data / "spool", settings.spool_bytes_max)
    return SpooledLog(opening, slots, SpoolPolicy(settings.spool_after_s), clock_ms)


def _opening(settings: Settings) -> Callable[[Settings], Awaitable[DirectLog]]:
    try:
        from eventlog.kafka import open_kafka_log  # an extra: single-machine installations do without
        from eventlog.kafka.config import config_of
    except ImportError as error:
        raise LogError(
            f"The Kafka client is not installed (no module {error.name})", "pip install 'netiv[kafka]'"
        ) from None
    config_of(settings).addresses()
    return open_kafka_log
