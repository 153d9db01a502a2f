"""A request that is answered without a task and without ASGI messages: its body arrived whole, its answer is one write.

Stands where uvicorn keeps the request it is answering (`protocol.cycle`), so that closing, pipelining and shutting down
work as for every other request. Knows no events.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from collector.answers import CLOSE, Answer

if TYPE_CHECKING:
    from collector.protocol import BoundedProtocol

Handler = Callable[["Direct"], None]
Lines = tuple[tuple[bytes, bytes], ...]


class _NoSignal:
    """Nobody waits on a direct request."""

    def set(self) -> None:
        """Nothing."""


_NOBODY = _NoSignal()
_HEADS_MAX = 2_048


@lru_cache(_HEADS_MAX)
def _head(status: int, headers: Lines, keep_alive: bool) -> bytes:
    """Status line and header lines, with a place for the content's length where there is one. Few differ, so they are
    kept; a header that is one answer's alone is not among them."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    if not keep_alive and CLOSE not in headers:
        lines.append(b"connection: close\r\n")
    head = STATUS_LINE[status] + _checked(lines).replace(b"%", b"%%")
    return head if status == 204 else head + b"content-length: %d\r\n"


def _checked(lines: list[bytes]) -> bytes:
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise RuntimeError("a header holds a line end")
    return head


class Direct:
    """One request on its way to its answer."""

    __slots__ = (
        "body", "disconnected", "handler", "headers", "keep_alive", "more_body", "protocol", "response_complete", "response_started",
        "scope",
    )  # fmt: skip
    message_event = _NOBODY

    def __init__(self, protocol: BoundedProtocol, handler: Handler, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.protocol = protocol
        self.handler = handler
        self.scope = scope
        self.headers = protocol.fields
        self.keep_alive = keep_alive
        self.body = b""
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    def age(self) -> float:
        """Seconds since the request's headers were complete."""
        return self.protocol.loop.time() - self.protocol.since

    def answer(self, answer: Answer, extra: Lines = ()) -> None:
        """Send the answer, whole, once."""
        self.response_started = self.response_complete = True
        protocol = self.protocol
        transport = protocol.transport
        if self.disconnected or transport.is_closing():
            return
        keep_alive = self.keep_alive and CLOSE not in answer.headers
        head = _head(answer.status, answer.headers + extra if extra else answer.headers, keep_alive)
        body = answer.body
        own = _checked([b"%b: %b\r\n" % header for header in answer.own]) if answer.own else b""
        transport.write((head % len(body) if answer.status != 204 else head % ()) + own + b"\r\n" + body)
        if not keep_alive:
            transport.close()
        protocol.on_response_complete()
