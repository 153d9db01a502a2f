"""What is asked about a person beside consumers: what was acknowledged before is part of it, loaded or not."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from consumers.identity.asking import perform
from consumers.identity.requests import Erase
from schemas.settings import Settings
from tests.kafka.consumer_stack import Plan, open_stack, publish, visits

pytestmark = pytest.mark.anyio


async def test_an_erasure_waits_for_what_was_acknowledged_before_it(tmp_path: Path) -> None:
    async with open_stack(tmp_path, Plan(consumers=2)) as stack:
        async for _ in publish(stack, visits(random.Random(6), 60), 1):
            pass
        settings = Settings(
            kafka=stack.config.bootstrap, kafka_topic=stack.config.topic, clickhouse=stack.url, clickhouse_user="owner",
            clickhouse_password="secret", data=tmp_path,
        )  # fmt: skip
        asked = Erase(site="w.0", person_id="user_id:u0")
        behind = await asyncio.to_thread(perform, settings, asked, 0.5)
        assert "60 events behind" in behind.error
        assert "Start the consumers" in behind.hint
        for consumer in stack.consumers:
            consumer.start()
        done = await asyncio.to_thread(perform, settings, asked)
        assert done.error == ""
        assert done.count > 0
        await stack.derived()
        for table in ("events", "v_events"):
            assert await stack.warehouse.rows(f"SELECT event_id FROM {table} WHERE user_id = 'u0'") == []
