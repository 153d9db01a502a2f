"""One request and its answer under our protocol: uvicorn's, with the answer written in one piece.

uvicorn writes head and body separately, which is two system calls and a third of the cost of a small answer; it also
runs two patterns over each header, where one count of line ends over the whole head tells the same.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle


class Signal:
    """What uvicorn needs of `asyncio.Event`, for one waiter; made for each request, so it is small."""

    __slots__ = ("_on", "_waiter")

    def __init__(self) -> None:
        self._on = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wakes the waiter."""
        self._on = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Forgets."""
        self._on = False

    async def wait(self) -> None:
        """Returns when set."""
        if not self._on:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None


class Cycle(RequestResponseCycle):
    """A request being answered."""

    head: bytes = b""  # built, not written yet
    chunked_encoding: bool | None = None
    expected_content_length = 0
    response_started = False
    response_complete = False
    disconnected = False
    more_body = True
    access_log = False

    def __init__(self, protocol: HttpToolsProtocol, *, keep_alive: bool) -> None:  # uvicorn's takes eleven arguments
        self.scope = protocol.scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.default_headers = protocol.server_state.default_headers
        self.message_event = Signal()  # type: ignore[assignment]
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.keep_alive = keep_alive
        self.on_response = protocol.on_response_complete
        self.body = bytearray()

    async def send(self, message: Any) -> None:
        """ASGI's send."""
        if self.disconnected:
            return
        if self.flow.write_paused:
            await self.flow.drain()
        if message["type"] == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
        else:
            self._write(message.get("body", b""), message.get("more_body", False))

    def _start(self, status: int, headers: Any) -> None:
        if self.response_started:
            raise RuntimeError("an answer was started already")
        self.response_started = True
        self.waiting_for_100_continue = False
        content = [STATUS_LINE[status]]
        lines = 2
        for name, value in self.default_headers or ():
            content += (name, b": ", value, b"\r\n")
            lines += 1
        close = not self.keep_alive
        for name, value in headers:
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = close = False
            content += (name, b": ", value, b"\r\n")
            lines += 1
        if close:
            content.append(b"connection: close\r\n")
            lines += 1
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in (204, 304):
            self.chunked_encoding = True
            content.append(b"transfer-encoding: chunked\r\n")
            lines += 1
        content.append(b"\r\n")
        self.head = b"".join(content)
        if self.head.count(b"\n") != lines or self.head.count(b"\r") != lines:
            self.response_started = False
            raise RuntimeError("a header holds a line end")

    def _write(self, body: bytes, more: bool) -> None:
        if not self.response_started or self.response_complete:
            raise RuntimeError("a body before its head, or after its end")
        if self.scope["method"] == "HEAD":
            self.expected_content_length, body = 0, b""
        elif self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = chunk if more else chunk + b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise RuntimeError("the body is not as long as its head says")
        self.transport.write(self.head + body)
        self.head = b""
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
