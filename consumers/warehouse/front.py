"""The embedded engine on ClickHouse's HTTP interface, for BI tools: a raw ASGI application.

Every query runs in a lane of its own with the reader's role, so that readers never wait in front of the pipeline's
inserts. The first block decides the status; an error after it is appended and the answer is left unfinished.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.embedded import EmbeddedWarehouse
from consumers.warehouse.front_access import FrontAccess, Refused, admit
from consumers.warehouse.front_answer import Headers, error_text, http_status
from consumers.warehouse.front_bodies import Bodies, Incoming, Message, Receive
from consumers.warehouse.front_formats import require_format
from consumers.warehouse.front_hello import HELLO, hello, protocol_version
from consumers.warehouse.front_insert import split_insert
from consumers.warehouse.front_request import FrontHead, FrontRequest, read_head, read_request
from consumers.warehouse.front_running import Running, id_to_kill, killed
from consumers.warehouse.front_sending import Reply, Send
from consumers.warehouse.front_sessions import Session, Sessions, timeout_s
from consumers.warehouse.front_statement import Statement, StatementReader, alone
from consumers.warehouse.front_temporary import make_table
from consumers.warehouse.front_turns import Turns
from consumers.warehouse.lane import Lane, LanePool

_FIXED = {"/ping": b"Ok.\n", "/replicas_status": b"Ok.\n"}
_NAME = "netiv"
_CLOSING_S = 5.0
_TEXT_BYTES_MAX = 1024 * 1024
"""Of a reader's statement: the engine parses a quarter of it unless told otherwise."""


class Front:
    """See `create_front`. `start` opens its lanes, `close` closes them (before the warehouse)."""

    def __init__(self, warehouse: EmbeddedWarehouse, access: FrontAccess) -> None:
        self._warehouse = warehouse
        self._access = access
        self._sessions = Sessions(self._open_lane, access.sessions_max, access.session_ids_max)
        self._bodies = Bodies(access)
        self._turns = Turns(access.queries_max, access.waiting_max)
        self._running = Running()
        self._version = "unknown"
        self._zone = "UTC"
        self._common: Headers = []
        self._lanes: LanePool | None = None
        self._checker: Lane
        self._reader: StatementReader
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Open the lanes; idempotent."""
        async with self._starting:
            if self._lanes is None:
                await self._start()

    async def _start(self) -> None:
        row = (await self._warehouse.raw("SELECT version(), timezone()")).decode().strip().split("\t")
        self._version, self._zone = row
        self._checker = await self._open_lane()
        self._reader = StatementReader(self._checker, self._warehouse.database, self._warehouse.limits)
        await self._reader.start()
        self._common = [
            (b"x-clickhouse-server-display-name", _NAME.encode()),
            (b"x-clickhouse-timezone", self._zone.encode()),
            (b"cache-control", b"no-store"),
        ]
        self._lanes = LanePool([await self._open_lane() for _ in range(self._access.queries_max)])

    async def close(self) -> None:
        """End sessions and close the lanes; idempotent. Lanes of queries that the engine does not interrupt are left behind."""
        if self._lanes is None:
            return
        lanes, self._lanes = self._lanes, None
        try:
            async with asyncio.timeout(_CLOSING_S):
                await self._turns.close()
                await self._sessions.close()
                await lanes.close()
                await self._checker.close()
        except TimeoutError:
            structlog.get_logger("netiv.front").warning("queries_left_behind")

    async def _open_lane(self) -> Lane:
        if self._access.writable:
            return await self._warehouse.open_owner("front")
        return await self._warehouse.open_reader("front")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        await self.start()
        reply = Reply(send, self._common, self._access.stall_s)
        incoming = Incoming(receive)
        try:
            head = read_head(scope)
            reply.begin(head, head.options.get("query_id") or secrets.token_hex(16))
            if head.path == "/":
                # Who may not ask is told so before anything of the body is kept.
                admit(head.caller, self._access)
                with self._bodies.hold() as room:
                    request = await read_request(head, incoming, room)
                    await self._until_gone(self._serve(request, reply), receive, reply)
            else:
                await self._aside(head, incoming, reply)
        except ConnectionResetError:
            return
        except (Refused, WarehouseError) as error:
            name = error.name if isinstance(error, Refused) else ""
            text = error_text(error.code, name, str(error), self._version)
            try:
                if not await incoming.drain():
                    reply.close_connection()
                await reply.error(http_status(error.code), error.code, text)
            except (ConnectionResetError, TimeoutError):
                return

    async def _aside(self, head: FrontHead, incoming: Incoming, reply: Reply) -> None:
        """Paths that ask nothing of the engine."""
        if not await incoming.drain():
            reply.close_connection()
        if head.path in _FIXED:
            await reply.fixed(_FIXED[head.path])
        else:
            await reply.error(404, 0, f"There is no handle {head.path}")

    async def _until_gone(self, work: Coroutine[Any, Any, None], receive: Receive, reply: Reply) -> None:
        """Run `work`; when the client goes away, its query is killed and its lane freed."""
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ConnectionResetError
            task.result()
        except TimeoutError:
            await self._kill(reply.mark)
            raise ConnectionResetError from None
        finally:
            gone.cancel()
            if not task.done():
                await self._kill(reply.mark)
                task.cancel()
                # It ends as cancelled or with the engine's word that it was; neither is news.
                await asyncio.gather(task, return_exceptions=True)

    async def _kill(self, mark: str) -> None:
        # The mark is cut in two, or the KILL would find itself.
        await self._warehouse.raw(f"KILL QUERY WHERE position(query, concat('{mark[:8]}', '{mark[8:]}')) > 0 ASYNC")

    async def _serve(self, request: FrontRequest, reply: Reply) -> None:
        text = request.text(_TEXT_BYTES_MAX) if not self._access.writable else ""
        if self._access.writable:
            await self._write(request, reply)
        elif not text.strip() and request.method in {"GET", "HEAD"}:
            await reply.fixed(b"Ok.\n")
        else:
            query_id = id_to_kill(text)
            if query_id is not None:
                marks = self._running.marks(request.caller.user, query_id)
                for mark in marks:
                    await self._kill(mark)
                text = killed(query_id, request.caller.user, len(marks))
                request = request.without(frozenset({"session_id"}))  # which the query that is to end keeps busy
            with self._running.hold(request.caller.user, request.options.get("query_id", ""), reply.mark):
                await self._query(request, reply, text)

    async def _query(self, request: FrontRequest, reply: Reply, text: str) -> None:
        database = request.database
        if database not in {"", "default", self._warehouse.database}:
            # Tables of `system` are asked by their full names only: so they are known for what they are.
            text = f"Database {database[:100]} does not exist, or is asked as database.table only"
            raise Refused(81, "UNKNOWN_DATABASE", text)
        request = request.without(self._reader.left_out(request.settings))
        statement = await self._reader.read(text, request.parameters)
        if statement.has_result and statement.output_format is None:
            require_format(request.default_format)
        protocol = protocol_version(request.options.get("client_protocol_version", ""))
        if statement.text == HELLO and protocol and request.default_format == "Native":
            await reply.fixed(hello(protocol, _NAME, self._version, self._zone), kind="application/octet-stream")
            return
        async with self._lane(request, statement) as (lane, statement), self._warehouse.gate.passing():
            if statement.has_result:
                await reply.result(lane, statement, request)
            elif statement.temporary:
                # Marked, so that the table is no longer filled when its client has gone.
                held = self._sessions.temporary_bytes
                await make_table(lane, statement.text, reply.mark, held, self._access.temporary_bytes_max)
                await reply.fixed(b"")
            else:
                await lane.call(lambda: lane.handle.run(statement.text))
                await reply.fixed(b"")

    @asynccontextmanager
    async def _lane(self, request: FrontRequest, statement: Statement) -> AsyncIterator[tuple[Lane, Statement]]:
        """The lane for a statement, in its turn: its session's or a free one; and what runs there."""
        async with AsyncExitStack() as stack:
            session: Session | None = None
            if request.options.get("session_id"):
                key = (request.caller.user, request.options["session_id"])
                ends_s = timeout_s(request.options.get("session_timeout", ""))
                use = self._sessions.use(key, ends_s, must_exist=request.flag("session_check"))
                session = await stack.enter_async_context(use)
            if session is not None and (session.lane or statement.kind in {"Set", "CreateQuery"}):
                turn = await stack.enter_async_context(self._turns.turn())
                turn.lane = await self._sessions.lane(session)
                yield turn.lane, statement
            elif statement.kind == "CreateQuery":
                raise Refused(36, "BAD_ARGUMENTS", "A temporary table needs a session: give session_id.")
            else:
                yield await stack.enter_async_context(self._free_lane()), alone(statement)

    @asynccontextmanager
    async def _free_lane(self) -> AsyncIterator[Lane]:
        assert self._lanes is not None  # noqa: S101 - started
        async with self._turns.turn(), self._lanes.borrow() as lane:
            yield lane

    async def _write(self, request: FrontRequest, reply: Reply) -> None:
        """An owner's statement: unchecked."""
        insert = split_insert(request)
        if insert is not None:
            rows = await self._warehouse.push(insert.statement, insert.data, insert.input_format)
            await reply.fixed(b"", written_rows=rows)
            return
        text = request.text(self._access.body_bytes_max)
        if not text.strip():
            await reply.fixed(b"Ok.\n")
            return
        statement = await self._reader.read(text, request.parameters, checked=False)
        if statement.kind.startswith(("Select", "Show", "Describe", "Exists", "Explain")):
            async with self._free_lane() as lane, self._warehouse.gate.passing():
                await reply.result(lane, statement, request)
        else:
            await self._warehouse.execute(statement.text, request.parameters)
            await reply.fixed(b"")


async def _disconnected(receive: Receive) -> None:
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()


def create_front(warehouse: EmbeddedWarehouse, access: FrontAccess) -> Front:
    """The ASGI application. Its lanes open with the first request or `start`; `await front.close()` before the
    warehouse is closed."""
    return Front(warehouse, access)
