"""Kafka as a backend of the contract suite: one topic per place, on the shared broker."""

from __future__ import annotations

import hashlib
from pathlib import Path

from eventlog.contract import Log
from eventlog.kafka import ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from tests.kafka.shared import bootstrap

KAFKA_WRITER = """
import asyncio, sys
from eventlog.contract import Record
from eventlog.kafka import open_kafka_log
from tests.kafka.backend import config_for
from pathlib import Path

async def main(where, name, count):
    log = await open_kafka_log(config_for(Path(where), 1))
    async def publish(lane):
        for n in range(count // 4):
            await log.append([Record(f"{name}-{lane}".encode(), str(n).encode())])
    await asyncio.gather(*(publish(lane) for lane in range(4)))
    await log.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def config_for(place: Path, partitions: int, **changes: object) -> KafkaConfig:
    """The topic that belongs to a place."""
    topic = "test-" + hashlib.sha256(str(place).encode()).hexdigest()[:24]
    return KafkaConfig(bootstrap=bootstrap(), topic=topic, partitions=partitions, **changes)


async def open_in_kafka(place: Path, partitions: int) -> Log:
    """Opens the same topic at every call; makes it at the first."""
    config = config_for(place / "log", partitions)
    await ensure_topic(config)
    return await open_kafka_log(config)
