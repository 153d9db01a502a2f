"""Raw HTTP over keep-alive connections, many at once: as fast as a test can post.

A connection that is lost leaves the outcome unknown; as any sender must, this one sends the same again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

CONNECTIONS = 16
LOSSES_MAX = 5  # of one connection in a whole run; more than that is no accident


async def post_all(url: str, key: str, bodies: Sequence[bytes]) -> None:
    """POST every body to /v1/events, in this order over the connections; each must be answered 202."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path}/v1/events HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    )
    waiting = (f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies)
    assert parts.hostname is not None
    assert parts.port is not None
    senders = [Sender(parts.hostname, parts.port) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(sender.send(waiting) for sender in senders))


class Sender:
    """One connection at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._losses = 0

    async def send(self, waiting: Iterator[bytes]) -> None:
        """Send requests until there are none."""
        request = next(waiting, None)
        while request is not None:
            try:
                reader, writer = await asyncio.open_connection(*self._address)
                with contextlib.closing(writer):
                    while request is not None:
                        await _exchange(reader, writer, request)
                        request = next(waiting, None)
            except (ConnectionError, asyncio.IncompleteReadError):
                self._losses += 1
                assert self._losses <= LOSSES_MAX, "the collector drops connections"
                await asyncio.sleep(0.2)


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
