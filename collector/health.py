"""Readiness: the log answers and the warehouse can be reached. The warehouse's answer is kept for two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from eventlog.contract import Log, LogError
from schemas.settings import Settings

CACHE_MS: Final = 2_000
TIMEOUT_S: Final = 2.0


def ping_url(settings: Settings) -> str:
    """Where the warehouse answers `/ping`; "" for a setting that is no address."""
    try:
        return f"{settings.warehouse_address.url}/ping"
    except ValueError:
        return ""


async def ping(url: str) -> bool:
    """Whether this URL answers 200 within two seconds."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or "127.0.0.1"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                host, parts.port or (443 if secure else 80), ssl=secure or None
            )
            try:
                writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return status.split(b" ")[1:2] == [b"200"]


class Readiness:
    """What `/readyz` answers."""

    def __init__(self, log: Log, url: str, now_ms: Callable[[], int]) -> None:
        self._log = log
        self._url = url
        self._now_ms = now_ms
        self._asked_at = -CACHE_MS
        self._warehouse = False

    async def check(self) -> dict[str, bool]:
        """`{"log": …, "warehouse": …}`."""
        now = self._now_ms()
        if not 0 <= now - self._asked_at < CACHE_MS:
            self._warehouse = await ping(self._url)
            self._asked_at = now
        return {"log": await self._log_answers(), "warehouse": self._warehouse}

    async def _log_answers(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._log.ends()
        except (LogError, TimeoutError):
            return False
        return True
