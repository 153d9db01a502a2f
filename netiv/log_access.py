"""Opens the log that the settings name, to look at it; makes nothing that isn't there."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from eventlog.contract import Log, LogError
from schemas.settings import Settings


class PartitionedLog(Log, Protocol):
    """A log that says how many partitions it has."""

    @property
    def partitions(self) -> int: ...


async def open_existing(settings: Settings) -> PartitionedLog:
    """Kafka's topic, or the embedded log of the data folder. Raises `LogError` where there is none."""
    if settings.kafka:
        from eventlog.kafka import open_kafka_log  # an extra

        return await open_kafka_log(settings)
    return await open_folder(settings.data / "log")


async def open_folder(folder: Path) -> PartitionedLog:
    """The embedded log in this folder. Raises `LogError` where there is none."""
    from eventlog.embedded import open_embedded_log

    require(folder)
    return await open_embedded_log(folder)


def is_log(folder: Path) -> bool:
    """Whether there is an embedded log in this folder."""
    from eventlog.embedded.file import FILE_NAME

    return (folder / FILE_NAME).exists()


def require(folder: Path) -> None:
    """Raises `LogError` where there is no embedded log in this folder: opening would make one that nobody reads."""
    if not is_log(folder):
        raise LogError(
            f"There is no log in {folder}", "Set NETIV_DATA to the data folder, or NETIV_KAFKA to the brokers."
        )
