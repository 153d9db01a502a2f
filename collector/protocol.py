"""uvicorn's HTTP protocol with the deadlines and limits it lacks: a slow sender holds no connection for long.

Deadlines cost a request nothing: each connection notes when its phase began, and the server sweeps all of them twice a
second. Knows no events and no endpoints.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from collector.answers import error_body, status_of
from collector.cycle import Cycle
from collector.direct import Direct, Handler
from schemas.limits import (
    BODY_BYTES_MAX,
    BODY_TIMEOUT_S,
    HEADER_BYTES_MAX,
    HEADER_TIMEOUT_S,
    HEADERS_MAX,
    KIB,
    URL_BYTES_MAX,
)

KEEP_ALIVE_S: Final = 65.0  # longer than the 60 s of most proxies, so that they close first
WRITE_TIMEOUT_S: Final = 30.0
SWEEP_INTERVAL_S: Final = 0.5
# One read may hold the end of an earlier request too.
READ_SLACK_BYTES: Final = 256 * KIB
# Chunked framing may cost more than its content, and a refused body is read on for a while (`wire.DRAINED_BYTES_MAX`);
# this bounds all that one request may send.
WIRE_BYTES_MAX: Final = 18 * BODY_BYTES_MAX
# A body of a few segments, as batches come over a network, is no more of a burden than a head may be.
JOINED_BYTES_MAX: Final = 16 * KIB
# What 64 bits hold has no more; with thousands of zeros before it the interpreter refuses to read a number.
LENGTH_DIGITS_MAX: Final = 20

IDLE, HEADERS, BODY, ANSWERING = range(4)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    cycle: Any  # a Cycle, a Direct or None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.phase = HEADERS  # a new connection owes us its headers
        self.since = self.loop.time()
        self.wire_bytes = 0  # of the present request, in earlier reads
        self.chunk_bytes = 0  # of the present read
        self.fields: dict[bytes, bytes] = {}  # the headers by name; of a repeated one the last
        self.fault = ""
        self.upgrading = False
        self.handlers: dict[tuple[bytes, bytes], Handler] = self.app_state.get("direct", {})
        if not hasattr(self.server_state, "sweeping"):
            sweep(self.server_state, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        left: Callable[[], None] | None = self.app_state.get("client_left")
        if left is not None and isinstance(self.cycle, Direct) and self.cycle.more_body:
            left()  # in the middle of its body

    def data_received(self, data: bytes) -> None:
        if self.phase == IDLE:
            self.phase = HEADERS
            self.since = self.loop.time()
        self.chunk_bytes = len(data)
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._stay(memoryview(data)[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.refuse(self.fault or "bad_request")
            return
        self.wire_bytes += self.chunk_bytes
        if self.phase == HEADERS and self.wire_bytes > HEADER_BYTES_MAX + URL_BYTES_MAX + READ_SLACK_BYTES:
            self.refuse("headers_too_large")
        elif self.phase == BODY and self.wire_bytes > WIRE_BYTES_MAX:
            self.refuse("body_too_large")

    def _stay(self, rest: memoryview) -> None:
        """An offer of another protocol is not taken up (RFC 9110, 7.8). The parser believes that the other one begins right
        after such a head and sees no body, so another parser reads the head again, without the offer, and goes on."""
        while True:
            self.upgrading = False
            lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
            line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
            self.parser.feed_data(line + b"".join(lines) + b"\r\n")
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            else:
                return

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.body_length = -1
        self.wire_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > URL_BYTES_MAX:
            self._stop("uri_too_long")

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self.headers
        headers.append((name.lower(), value))
        if len(headers) > HEADERS_MAX:
            self._stop("headers_too_large")

    def on_headers_complete(self) -> None:
        if self.wire_bytes + self.chunk_bytes > HEADER_BYTES_MAX:
            self._weigh()
        fields = self.fields = dict(self.headers)
        if b"upgrade" in fields and self.parser.should_upgrade():
            self.upgrading = True
            return
        if len(fields) != len(self.headers):
            self._check_repeated()
        length = fields.get(b"content-length")
        if length is not None:
            if length.isdigit() and len(length) < 9:
                self.body_length = int(length)
            elif len(length) > LENGTH_DIGITS_MAX:
                self._stop("bad_request")
            else:
                self.body_length = BODY_BYTES_MAX + 1
        if b"transfer-encoding" in fields and fields[b"transfer-encoding"].strip().lower() != b"chunked":
            self._stop("bad_request")
        if b"expect" in fields:
            self.expect_100_continue = fields[b"expect"].lower() == b"100-continue"
        if b"host" not in fields and self.parser.get_http_version() == "1.1":
            self._stop("bad_request")
        self._begin_cycle()
        self.phase = BODY
        self.since = self.loop.time()

    def _check_repeated(self) -> None:
        names = [name for name, _ in self.headers]
        if names.count(b"host") > 1 or names.count(b"transfer-encoding") > 1:
            self._stop("bad_request")

    def _begin_cycle(self) -> None:
        """The request's way: direct where its endpoint offers that and its body is announced (or there is none), else ASGI."""
        before = self.cycle
        waits = before is not None and not before.response_complete
        method = self.parser.get_method()
        path, _, query = self.url.partition(b"?")
        # HTTP/1.0 keeps alive only where it asks for it, and then our answer would be of the wrong version.
        keep_alive = self.parser.should_keep_alive() and not (
            b"connection" in self.fields and self.parser.get_http_version() == "1.0"
        )
        handler = self.handlers.get((method, path))
        bodiless = method == b"GET" and self.body_length == -1 and b"transfer-encoding" not in self.fields
        announced = bodiless or 0 <= self.body_length <= BODY_BYTES_MAX
        if handler is not None and announced and not waits and not self.expect_100_continue:
            scope = {
                "method": method.decode(), "headers": self.headers, "query_string": query, "client": self.client,
                "scheme": self.scheme or "http",
            }  # fmt: skip
            self.cycle = Direct(self, handler, scope, keep_alive=keep_alive)
            return
        if method == b"CONNECT":  # what comes after its head would be no request
            self._stop("bad_request")
        cycle = self._asgi_cycle(keep_alive)
        if not waits:
            self._start_asgi_task(cycle, self.app)
        else:  # a pipelined request waits its turn
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _asgi_cycle(self, keep_alive: bool) -> Cycle:
        """As uvicorn does it, with our cycle and without its options that we don't use."""
        url = httptools.parse_url(self.url)
        decoded = url.path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": self.parser.get_http_version(),
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "root_path": "",
            "headers": self.headers,
            "state": self.app_state,
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(decoded) if "%" in decoded else decoded,
            "raw_path": url.path,
            "query_string": url.query or b"",
        }
        self.cycle = cycle = Cycle(self, keep_alive=keep_alive)
        return cycle

    def _weigh(self) -> None:
        if sum(len(name) + len(value) + 4 for name, value in self.headers) > HEADER_BYTES_MAX:
            self._stop("headers_too_large")

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            return
        if isinstance(cycle, Direct):
            if len(body) == self.body_length or self.body_length <= JOINED_BYTES_MAX:
                cycle.body += body
                return
            # More is to come: it is read where what is held of unfinished bodies is counted and bounded.
            cycle = self._asgi_cycle(cycle.keep_alive)
            self._start_asgi_task(cycle, self.app)
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        if self.upgrading:
            return  # its head is read again
        cycle = self.cycle
        if cycle.response_complete:
            self.phase = IDLE
            return
        cycle.more_body = False
        self.phase = ANSWERING
        if isinstance(cycle, Direct):
            cycle.handler(cycle)
        else:
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        if self.phase == ANSWERING:
            self.phase = IDLE
            self.since = self.loop.time()

    def _stop(self, code: str) -> None:
        """Ends the parsing from inside a callback; `data_received` answers."""
        self.fault = code
        raise ValueError(code)

    def refuse(self, code: str) -> None:
        """Answers an error where nothing was answered yet, and closes."""
        if self.transport.is_closing():
            return
        counted: Callable[[str], None] | None = self.app_state.get("connection_ended")
        if counted is not None:
            counted(code)
        if self.phase == ANSWERING and not self.cycle.response_complete:
            # What is wrong comes after a good request: that one gets its answer, and then this is over.
            self.flow.pause_reading()
            self.cycle.keep_alive = False
            return
        if self.phase == BODY and self.cycle.response_complete:  # it has its answer already
            self.transport.close()
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = error_body(code)
            head = (
                b"content-type: application/json\r\nconnection: close\r\nx-content-type-options: nosniff\r\n"
                b"content-length: %d\r\n\r\n" % len(body)
            )
            self.transport.write(STATUS_LINE[status_of(code)] + head + body)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def expire(self, now: float) -> None:
        """Ends the connection when its phase took too long."""
        age = now - self.since
        if self.phase == IDLE:
            if age > KEEP_ALIVE_S:
                self.transport.close()
        elif self.phase == HEADERS:
            if age > HEADER_TIMEOUT_S:
                # A browser's spare connection sent nothing at all: there is nothing to answer.
                self.refuse("timeout") if self.wire_bytes else self.transport.close()
        elif self.phase == BODY and age > BODY_TIMEOUT_S:
            self.refuse("timeout")
        if self.transport.is_closing() or self.flow.write_paused:
            self._drop_unread(now)

    def _drop_unread(self, now: float) -> None:
        """A client that does not read its answer is dropped."""
        if now - self.since > WRITE_TIMEOUT_S:
            self.transport.abort()


def sweep(state: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Looks at every connection of a server, and again in half a second."""
    now = loop.time()
    for connection in list(state.connections):
        connection.expire(now)
    state.sweeping = loop.call_later(SWEEP_INTERVAL_S, sweep, state, loop)
