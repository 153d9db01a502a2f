"""Raw HTTP over keep-alive connections, many at once: as fast as a test can post."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

CONNECTIONS = 16


async def post_all(url: str, key: str, bodies: Sequence[bytes]) -> None:
    """POST every body to /v1/events, in this order over the connections; each must be answered 202."""
    waiting = iter(bodies)
    await asyncio.gather(*(_connection(url, key, waiting) for _ in range(CONNECTIONS)))


async def _connection(url: str, key: str, waiting: Iterator[bytes]) -> None:
    parts = urlsplit(url)
    assert parts.hostname is not None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"POST {parts.path}/v1/events HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    try:
        for body in waiting:
            await _exchange(reader, writer, f"{head}{len(body)}\r\n\r\n".encode() + body)
    finally:
        writer.close()
        await writer.wait_closed()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    """Send until accepted: a busy collector asks to come back."""
    while True:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, _, fields = head.partition(b"\r\n")
        length = next(int(line[15:]) for line in fields.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer = await reader.readexactly(length)
        if status.startswith(b"HTTP/1.1 202"):
            assert b'"rejected":[]' in answer, answer
            return
        assert status.startswith((b"HTTP/1.1 503", b"HTTP/1.1 429")), (status, answer)
        await asyncio.sleep(0.2)
