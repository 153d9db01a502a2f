"""uvicorn's HTTP protocol with what it lacks: a deadline and a size for a request's head, a number of connections, and
plain answers to clients that offer an upgrade. Knows no queries.
"""

from __future__ import annotations

import asyncio
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_TIMEOUT_S: Final = 10.0
HEAD_BYTES_MAX: Final = 1024 * 1024  # ClickHouse's own limit of an address, and queries stand in it
STALL_S: Final = 30.0
CONNECTIONS_MAX: Final = 256  # 104 queries run or wait; pools of clients keep some more open
_OFFERS: Final = frozenset({b"upgrade", b"connection", b"http2-settings"})
_IDLE, _HEAD, _BODY = range(3)


class FrontProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._phase = _IDLE
        self._head_bytes = 0
        self._begun = False
        self._upgrading = False
        self._deadline: asyncio.TimerHandle | None = None
        self._unread = 0
        self._watching = self.loop.call_later(STALL_S, self._watch)
        if len(self.connections) > CONNECTIONS_MAX:
            self.transport.write(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\r\n")
            self.transport.close()
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._met()
        self._watching.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self._phase == _IDLE:
            self._expect_head()
        if self._phase == _HEAD:
            self._head_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        if self._phase == _HEAD and self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = True
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._met()
        self._begun = False
        if self.parser.should_upgrade():
            self._upgrading = True
            return
        self._phase = _BODY
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._upgrading:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._upgrading:
            self._phase = _IDLE
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        """Java's client offers HTTP/2 with its first request. The parser stops there and leaves the body unread; so the
        request is read once more, without the offer. Many may stand in one piece."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
            self._upgrading = False
            method = self.parser.get_method()
            if method == b"CONNECT":
                self.send_400_response("No proxy.")
                return
            head = [method, b" ", self.url, b" HTTP/1.1\r\n"]
            for name, value in self.headers:
                if name not in _OFFERS:
                    head += [name, b": ", value, b"\r\n"]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.feed_data(b"".join([*head, b"\r\n"]))
            data = rest

    def _expect_head(self) -> None:
        if self._phase != _HEAD:
            self._phase, self._head_bytes = _HEAD, 0
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._late)

    def _met(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch(self) -> None:
        """A client that takes nothing of its answer is dropped with what lies there: closed politely, it would stay for ever."""
        unread = self.transport.get_write_buffer_size()
        if unread and unread == self._unread:
            self.transport.abort()
            return
        self._unread = unread
        self._watching = self.loop.call_later(STALL_S, self._watch)

    def _late(self) -> None:
        self._deadline = None
        if self._begun and not self.transport.is_closing():
            self.send_400_response("The head of the request took too long.")
        self.transport.close()
