"""Between ASGI and values: a request's headers and body read with limits, an answer sent. Knows no events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from collector.answers import CLOSE, Answer, Fault
from collector.held import Coming, retry_after
from collector.inflate import MAGIC, InflatedTooLarge, InvalidGzip, inflate
from schemas.limits import BODY_BYTES_MAX, INFLATED_BYTES_MAX, MIB

# Browsers' beacons can't choose freely: text/plain avoids a preflight, forms come from old ones.
_READ_AS_JSON: Final = frozenset(
    {b"", b"application/json", b"text/plain", b"application/x-www-form-urlencoded", b"application/cloudevents+json"}
)
_PLAIN: Final = frozenset({b"application/json", b"text/plain;charset=UTF-8", b"text/plain"})


class Disconnected(Exception):
    """The client went away before its request was complete."""


async def read_body(
    receive: Receive, headers: dict[bytes, bytes], coming: Callable[[], Coming], bytes_max: int = BODY_BYTES_MAX
) -> bytes:
    """The whole body as sent. Raises `Fault` over the limit, or when there is no room for more of it (reading stops
    there), and `Disconnected`. While it is being read it counts as held, if it does not come whole: `coming` is asked
    then. Afterwards that is the caller's business."""
    length = headers.get(b"content-length")
    if length is not None and len(length) > 6 and int(length) > bytes_max:
        raise _too_large(bytes_max)
    message = await receive()
    if message["type"] != "http.request":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        body = await _read_rest(receive, body, coming(), bytes_max)
    if len(body) > bytes_max:
        raise _too_large(bytes_max)
    return body


async def _read_rest(receive: Receive, first: bytes, coming: Coming, bytes_max: int) -> bytes:
    body = bytearray(first)
    more = True
    with coming:
        while more:
            if len(body) > bytes_max:
                raise _too_large(bytes_max)
            if not coming.grown(len(body)):
                raise Fault("overloaded", headers=(CLOSE, retry_after()))
            message = await receive()
            if message["type"] != "http.request":
                raise Disconnected
            body += message.get("body", b"")
            more = message.get("more_body", False)
    return bytes(body)


def _too_large(bytes_max: int) -> Fault:
    return Fault("body_too_large", f"The body is over {bytes_max // MIB} MiB", (CLOSE,))


def check_media_type(headers: dict[bytes, bytes]) -> None:
    """Raises `Fault` for what is not read as JSON (multipart, images, …)."""
    media_type = headers.get(b"content-type", b"")
    if media_type in _PLAIN:
        return
    if media_type.partition(b";")[0].strip().lower() not in _READ_AS_JSON:
        raise Fault("unsupported_media_type")


def decoded(body: bytes, headers: dict[bytes, bytes]) -> bytes:
    """The body without its content encoding. Raises `Fault`."""
    named = headers.get(b"content-encoding")
    if named is None and body[:2] != MAGIC:
        return body
    encoding = (named or b"").strip().lower()
    if encoding not in (b"", b"identity", b"gzip", b"x-gzip"):
        raise Fault("unsupported_encoding")
    if encoding in (b"", b"identity") and body[:2] != MAGIC:
        return body
    try:
        return inflate(body, INFLATED_BYTES_MAX)
    except InflatedTooLarge:
        raise Fault("body_too_large", "The body is over 1 MiB after decompression", (CLOSE,)) from None
    except InvalidGzip:
        raise Fault("invalid_gzip") from None


# A client that is still sending would meet a reset instead of our answer, were the connection closed at once.
DRAINED_BYTES_MAX: Final = 16 * BODY_BYTES_MAX


class Incoming:
    """ASGI's `receive` of one request, which knows whether its body has ended: asked once more, the server would only
    answer when the client leaves."""

    __slots__ = ("_receive", "more")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.more = True

    async def __call__(self) -> Message:
        message = await self._receive()
        self.more = message.get("more_body", False)
        return message


async def respond_and_drain(
    incoming: Incoming, send: Send, answer: Answer, extra: Iterable[tuple[bytes, bytes]]
) -> None:
    """Sends an answer at once, throws away what the client still sends (within bounds), then closes."""
    headers = [*answer.headers, *answer.own, *extra, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    drained = 0
    while incoming.more and drained < DRAINED_BYTES_MAX:
        drained += len((await incoming()).get("body", b""))
    await send({"type": "http.response.body", "body": b""})


async def respond(send: Send, answer: Answer, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Sends an answer whole."""
    body = answer.body
    headers = [*answer.headers, *answer.own, *extra]
    if answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header_lines(scope: Scope, name: bytes) -> str:
    """All lines of one header, joined as one list."""
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)
