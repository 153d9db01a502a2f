"""Opens what a consumer works on. In clustered mode everything may come later: it waits, and says for what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from consumers.metrics import LOG, WAREHOUSE
from consumers.refresh.sql import FOLDER
from consumers.warehouse.contract import (
    UNKNOWN_DATABASE,
    UNKNOWN_TABLE,
    Warehouse,
    WarehouseError,
    WarehouseUnavailable,
)
from consumers.warehouse.migrations import read_files
from eventlog.contract import Log, LogError, LogUnavailable
from eventlog.embedded import open_embedded_log
from schemas.settings import Settings

AGAIN_S: Final = 2.0
T = TypeVar("T")


class Stopped(Exception):
    """The wait was ended from outside."""


def is_shared(settings: Settings) -> bool:
    """Whether other consumers may work on the same tables: Kafka deals out partitions, and the tables are a server's."""
    return bool(settings.kafka and settings.clickhouse)


async def open_log(settings: Settings) -> Log:
    """Kafka when it is set, else the embedded log. Raises `LogError`."""
    if settings.kafka:
        from eventlog.kafka import ensure_topic, open_kafka_log  # an extra
        from eventlog.kafka.config import config_of

        await ensure_topic(config_of(settings))
        return await open_kafka_log(settings)
    return await open_embedded_log(
        settings.data / "log", partitions=settings.log_partitions, bytes_max=settings.log_bytes_max
    )


async def require_tables(warehouse: Warehouse) -> None:
    """Raises `WarehouseUnavailable` while the tables are not those of this version: `netiv migrate` brings them."""
    try:
        rows = await warehouse.rows("SELECT name FROM schema_migrations WHERE kind = 'table'")
    except WarehouseError as error:
        if error.code in {UNKNOWN_TABLE, UNKNOWN_DATABASE}:
            raise WarehouseUnavailable("There are no tables yet: run `netiv migrate`", error.code) from error
        raise
    missing = {file.name for file in read_files(FOLDER / "tables")} - {name for (name,) in rows}
    if missing:
        raise WarehouseUnavailable(f"The tables lack {', '.join(sorted(missing))}: run `netiv migrate`")


def is_away(error: BaseException) -> bool:
    """Whether something is merely not there now, so that trying again later is the remedy."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_away(each) for each in error.exceptions)
    return isinstance(error, WarehouseUnavailable | LogUnavailable)


async def again_and_again(
    work: Callable[[], Awaitable[T]], stop: asyncio.Event, away: Callable[[str], None] = lambda _: None
) -> T:
    """Do it; when something is away, say so (to `away`: "warehouse" or "log") and do it again, until `stop` (then
    `Stopped`)."""
    events = structlog.get_logger("netiv.consumer")
    while True:
        try:
            return await work()
        except (WarehouseError, LogError, BaseExceptionGroup) as error:
            if not is_away(error):
                raise
            cause = _innermost(error)
            away(WAREHOUSE if isinstance(cause, WarehouseError) else LOG)
            events.warning("waiting", reason=str(cause), again_s=AGAIN_S)
        try:
            async with asyncio.timeout(AGAIN_S):
                await stop.wait()
        except TimeoutError:
            continue
        raise Stopped


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
