"""A request that is answered without a task and without ASGI messages: its body arrived whole, its answer is one write.

Stands where uvicorn keeps the request it is answering (`protocol.cycle`), so that closing, pipelining and shutting down
work as for every other request. Knows no events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from collector.answers import CLOSE, JSON_TYPE, Answer

if TYPE_CHECKING:
    from collector.protocol import BoundedProtocol

Handler = Callable[["Direct"], None]


class _NoSignal:
    """Nobody waits on a direct request."""

    def set(self) -> None:
        """Nothing."""


_NOBODY = _NoSignal()
# Most answers are JSON and nothing else: their heads are ready but for the length.
_PLAIN = (JSON_TYPE,)
_PLAIN_HEAD = {
    status: line + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
    for status, line in STATUS_LINE.items()
}


class Direct:
    """One request on its way to its answer."""

    __slots__ = (
        "body", "disconnected", "handler", "keep_alive", "more_body", "protocol", "response_complete", "response_started",
        "scope",
    )  # fmt: skip
    message_event = _NOBODY

    def __init__(self, protocol: BoundedProtocol, handler: Handler, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.protocol = protocol
        self.handler = handler
        self.scope = scope
        self.keep_alive = keep_alive
        self.body = b""
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    def age(self) -> float:
        """Seconds since the request's headers were complete."""
        return self.protocol.loop.time() - self.protocol.since

    def answer(self, answer: Answer, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Send the answer, whole, once."""
        self.response_started = self.response_complete = True
        protocol = self.protocol
        transport = protocol.transport
        if self.disconnected or transport.is_closing():
            return
        if extra == () and answer.headers == _PLAIN and self.keep_alive:
            transport.write(_PLAIN_HEAD[answer.status] % len(answer.body) + answer.body)
            protocol.on_response_complete()
            return
        headers = (*answer.headers, *extra)
        lines = [b"%b: %b\r\n" % header for header in headers]
        if answer.status != 204:
            lines.append(b"content-length: %d\r\n" % len(answer.body))
        if not self.keep_alive and CLOSE not in headers:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header holds a line end")
        transport.write(STATUS_LINE[answer.status] + head + b"\r\n" + answer.body)
        if not self.keep_alive or CLOSE in headers:
            transport.close()
        protocol.on_response_complete()
