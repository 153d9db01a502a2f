"""Reading request bodies within bounds: the bytes of one, of all together, and the time. Knows no queries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

from consumers.warehouse.front_access import FrontAccess, Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_DRAINED_BYTES_MAX: Final = 1024 * 1024
_DRAIN_TIMEOUT_S: Final = 2.0


class Bodies:
    """What all requests hold together."""

    def __init__(self, access: FrontAccess) -> None:
        self.access = access
        self.held = 0

    @contextmanager
    def hold(self) -> Iterator[Body]:
        """Room for one body, given back at the end."""
        body = Body(self)
        try:
            yield body
        finally:
            self.held -= body.size


class Body:
    """What one request holds."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.size = 0

    @property
    def size_max(self) -> int:
        """The most that this body may have, packed or not."""
        return self._bodies.access.body_bytes_max

    def hold(self, size: int) -> None:
        """Count so many bytes more; raises `Refused` where they are too many."""
        self.size += size
        self._bodies.held += size
        if self.size > self.size_max:
            raise Refused(307, "TOO_MANY_BYTES", f"The request body is larger than {self.size_max} bytes.")
        if self._bodies.held > self._bodies.access.held_bytes_max:
            raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many large requests at once. Try again later.")

    async def read(self, incoming: Incoming) -> bytes:
        """All of it; raises `Refused` when it is too large or too late."""
        timeout_s = self._bodies.access.body_timeout_s
        chunks = bytearray()
        try:
            async with asyncio.timeout(timeout_s):
                while incoming.more:
                    chunk = await incoming.chunk()
                    self.hold(len(chunk))
                    chunks += chunk
        except TimeoutError:
            raise Refused(159, "TIMEOUT_EXCEEDED", f"The request body took longer than {timeout_s:.0f} s.") from None
        return bytes(chunks)


class Incoming:
    """A body on its way, and whether there is more of it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.more = True

    async def chunk(self) -> bytes:
        """What came next; raises `ConnectionResetError` when the client went."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        self.more = message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk

    async def drain(self) -> bool:
        """Read on without keeping, so that a refused client sees its answer; whether the end was reached."""
        size = 0
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT_S):
                while self.more and size <= _DRAINED_BYTES_MAX:
                    size += len(await self.chunk())
        except TimeoutError:
            return False
        return not self.more
