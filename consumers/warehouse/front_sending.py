"""Sends one answer: headers with the first block, compression, a broken end for an error in the middle.

It goes out in pieces, each as soon as the client has taken what was before it: so a slow client is told from one that reads
nothing, and no more than a piece lies in the connection.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import orjson

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.engine_handle import STREAMED_FORMATS, Result
from consumers.warehouse.front_access import Refused
from consumers.warehouse.front_answer import Encoder, Headers, content_type, encoder, exception_tag, tagged_error
from consumers.warehouse.front_bodies import Message
from consumers.warehouse.front_native import frames
from consumers.warehouse.front_request import FrontHead, FrontRequest
from consumers.warehouse.front_statement import Statement
from consumers.warehouse.lane import Lane

Send = Callable[[Message], Awaitable[None]]
_PIECE_BYTES: Final = 256 * 1024
WHOLE_BYTES_MAX: Final = 128 * 1024**2
"""Of an answer that `wait_end_of_query` has kept until it is whole: as text it may be many times what the engine counts."""


class Reply:
    """The answer to one request."""

    def __init__(self, send: Send, common: Headers, stall_s: float) -> None:
        self._send = send
        self._headers = [*common]
        self._stall_s = stall_s
        self._started = False
        self._encoder: Encoder | None = None
        self._framed = False
        self._body = True
        self.mark = f"netiv:{secrets.token_hex(12)}"
        """Stands as a comment in the query, so that exactly this one can be killed."""

    def begin(self, request: FrontHead, query_id: str) -> None:
        """What the request wants of every answer."""
        printable = "".join(character if character.isprintable() else "?" for character in query_id)
        self._headers.append((b"x-clickhouse-query-id", printable.encode("latin-1", "replace")))
        self._body = request.method != "HEAD"
        self._framed = request.flag("compress")
        if request.flag("enable_http_compression"):
            self._encoder = encoder(request.headers.get("accept-encoding", ""))

    def close_connection(self) -> None:
        """This is the connection's last answer: the rest of a body that nobody reads would follow."""
        self._headers.append((b"connection", b"close"))

    async def _out(self, message: Message) -> None:
        async with asyncio.timeout(self._stall_s):
            await self._send(message)

    async def _start(self, status: int, extra: Headers) -> None:
        headers = [*self._headers, *extra]
        if self._encoder:
            headers.append((b"content-encoding", self._encoder.name.encode()))
        self._started = True
        await self._out({"type": "http.response.start", "status": status, "headers": headers})

    async def _chunk(self, data: bytes, *, legible: bool = False) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            await self._piece(data[start : start + _PIECE_BYTES], legible=legible)

    async def _piece(self, data: bytes, *, legible: bool) -> None:
        data = frames(data, legible=legible) if self._framed else data
        data = self._encoder.chunk(data) if self._encoder else data
        if data and self._body:
            await self._out({"type": "http.response.body", "body": data, "more_body": True})

    async def _end(self) -> None:
        tail = self._encoder.end() if self._encoder and self._body else b""
        await self._out({"type": "http.response.body", "body": tail})

    async def fixed(self, body: bytes, *, written_rows: int = 0, kind: str = "text/plain; charset=UTF-8") -> None:
        """A short answer."""
        await self._start(200, [(b"content-type", kind.encode()), _summary(None, written_rows)])
        if body:
            await self._chunk(body)
        await self._end()

    async def error(self, status: int, code: int, text: str) -> None:
        """An error; when the answer has begun it has been told already."""
        if self._started:
            return
        extra = [(b"content-type", b"text/plain; charset=UTF-8")]
        if code:
            extra.append((b"x-clickhouse-exception-code", str(code).encode()))
        if status == 503:
            extra.append((b"retry-after", b"1"))
        await self._start(status, extra)
        await self._chunk(text.encode() + b"\n")
        await self._end()

    async def result(self, lane: Lane, statement: Statement, request: FrontRequest) -> None:
        """Run the statement in the lane and send what it gives, as it comes where the format allows."""
        output_format = statement.output_format or request.default_format
        sql = marked(self.mark, statement, output_format, request.settings)
        tag = exception_tag()
        extra = [
            (b"content-type", content_type(output_format).encode()),
            (b"x-clickhouse-format", output_format.encode()),
            (b"x-clickhouse-exception-tag", tag.encode()),
        ]
        if output_format not in STREAMED_FORMATS or not statement.kind.startswith("Select"):
            result = await lane.call(lambda: lane.handle.run(sql, output_format, request.parameters))
            await self._start(200, [*extra, _summary(result, 0)])
            await self._chunk(result.body)
            await self._end()
            return
        async with aclosing(lane.blocks(sql, output_format, request.parameters)) as blocks:
            await self._stream(blocks, extra, tag, whole=request.flag("wait_end_of_query"))

    async def _stream(self, blocks: AsyncGenerator[bytes], extra: Headers, tag: str, *, whole: bool) -> None:
        first = [await anext(blocks, b"")]
        if whole:
            first += await _rest(blocks, WHOLE_BYTES_MAX - len(first[0]))
        await self._start(200, [*extra, _summary(None, 0)])
        for block in first:
            await self._chunk(block)
        try:
            async for block in blocks:
                await self._chunk(block)
        except WarehouseError as error:
            # The answer is left without its end: every client notices, those that know the tag can say why.
            await self._chunk(tagged_error(str(error), tag), legible=True)
            return
        await self._end()


async def _rest(blocks: AsyncGenerator[bytes], bytes_max: int) -> list[bytes]:
    """All further blocks. Raises `Refused` where they are more than so many bytes."""
    kept: list[bytes] = []
    async for block in blocks:
        kept.append(block)
        bytes_max -= len(block)
        if bytes_max < 0:
            text = f"With wait_end_of_query an answer has at most {WHOLE_BYTES_MAX // 1024**2} MiB. Ask without it, or for less."
            raise Refused(396, "TOO_MANY_ROWS_OR_BYTES", text)
    return kept


def marked(mark: str, statement: Statement, output_format: str, settings: dict[str, str]) -> str:
    """The text for the engine: mark, statement, format, the request's settings (the statement's own win)."""
    text = f"/* {mark} */ {statement.text}"
    if statement.output_format is None:
        text += f" FORMAT {output_format}" if output_format.isidentifier() else " FORMAT Unknown"
    if settings:
        pairs = [f"{name} = {_quoted(value)}" for name, value in settings.items() if _plain(name)]
        text += f" SETTINGS {', '.join(pairs)}"
    return text


def _plain(name: str) -> bool:
    if not name.isidentifier():
        raise WarehouseError(f"Code: 115. DB::Exception: Unknown setting {name!r} (UNKNOWN_SETTING)", 115)
    return True


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _summary(result: Result | None, written_rows: int) -> tuple[bytes, bytes]:
    counts = {
        "read_rows": result.read_rows if result else 0,
        "read_bytes": result.read_bytes if result else 0,
        "written_rows": written_rows,
        "result_rows": result.rows if result else 0,
        "result_bytes": len(result.body) if result else 0,
        "elapsed_ns": int(result.elapsed_s * 1e9) if result else 0,
    }
    return b"x-clickhouse-summary", orjson.dumps({name: str(value) for name, value in counts.items()})
