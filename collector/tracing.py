"""Traces of requests, when they are switched on: a span per request, one around its append, its name in the records.

Stands around the application and the log, so that neither does anything for it when it is off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventlog.contract import Log, Position, Reader, Record, Stored
from eventlog.tracing import Spans
from schemas.record import Accepted, decode, encode


class TracedApp:
    """An ASGI application with a span around every request."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. A sender's own `traceparent` is gone on with."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":
                self._spans.close()
            return
        parent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
        # No more of a path than names an endpoint: the rest may name a person.
        path = "/".join(scope["path"].split("/")[:3])

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._spans.note("http.response.status_code", message["status"])
            await send(message)

        with self._spans.span(f"{scope['method']} {path}", parent=parent):
            await self._app(scope, receive, noted)


class TracedLog:
    """A log that writes into each event's record which request it came with."""

    def __init__(self, log: Log, spans: Spans) -> None:
        self._log = log
        self._spans = spans

    @property
    def generation(self) -> int:
        """Of the log."""
        return self._log.generation

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """See `Log.append`."""
        with self._spans.span("log append"):
            self._spans.note("netiv.records", len(records))
            trace = self._spans.present()
            return await self._log.append([Record(record.key, _marked(record.value, trace)) for record in records])

    async def reader(self, group: str) -> Reader:
        """See `Log`."""
        return await self._log.reader(group)

    async def ends(self) -> dict[int, int]:
        """See `Log`."""
        return await self._log.ends()

    async def committed(self, group: str) -> dict[int, int]:
        """See `Log`."""
        return await self._log.committed(group)

    async def oldest_unread_at(self, group: str) -> dict[int, int]:
        """See `Log`."""
        return await self._log.oldest_unread_at(group)

    async def read_from(self, partition: int, offset: int, records_max: int, bytes_max: int) -> list[Stored]:
        """See `Log`."""
        return await self._log.read_from(partition, offset, records_max, bytes_max)

    async def mark(self, name: str, offsets: Mapping[int, int]) -> None:
        """See `Log`."""
        await self._log.mark(name, offsets)

    async def retain(self, age_max_s: float, bytes_max: int, groups: Sequence[str]) -> int:
        """See `Log`."""
        return await self._log.retain(age_max_s, bytes_max, groups)

    async def close(self) -> None:
        """See `Log`."""
        await self._log.close()


def _marked(value: bytes, trace: str) -> bytes:
    record: Any = decode(value)
    return encode(msgspec.structs.replace(record, trace=trace)) if isinstance(record, Accepted) else value
