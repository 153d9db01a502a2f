"""A topic of its own for every test, on the shared broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from eventlog.kafka import KafkaLog, ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from netiv.dev.broker import free_ports
from tests.kafka.backend import config_for
from tests.kafka.consumer_stack import Stack, open_stack


@pytest.fixture
def config(tmp_path: Path) -> KafkaConfig:
    return config_for(tmp_path, 4, session_timeout_s=3.0, rebalance_timeout_s=10.0)


@pytest.fixture
async def log(config: KafkaConfig) -> AsyncIterator[KafkaLog]:
    await ensure_topic(config)
    log = await open_kafka_log(config)
    try:
        yield log
    finally:
        await log.close()


@pytest.fixture
def unused_port() -> int:
    (port,) = free_ports(1)
    return port


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Consumers that a test starts, on a topic and a server of its own."""
    async with open_stack(tmp_path) as opened:
        yield opened
