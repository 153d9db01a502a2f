"""A client for what only administrators do to a broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient


@asynccontextmanager
async def administering(**client: Any) -> AsyncIterator[AIOKafkaAdminClient]:
    """Started, and closed at the end; `client` as `KafkaConfig.client()` gives it."""
    admin = AIOKafkaAdminClient(**client)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
