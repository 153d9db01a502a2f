"""What a server is sent; and one whose connections break: what was never sent is tried again, what was sent is not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import parse_qs

import pytest

from consumers.warehouse.contract import WarehouseError, WarehouseUnavailable
from consumers.warehouse.front import Front, create_front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front
from consumers.warehouse.profile import MEANING
from consumers.warehouse.server import open_server

pytestmark = pytest.mark.anyio


class Cutter:
    """A proxy that, once `armed`, passes an INSERT on and hangs up before its answer."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.armed = False
        self.inserts = 0
        self.open = []
        self.writers = []

    async def __call__(self, reader, writer):
        self.open.append(asyncio.current_task())
        self.writers.append(writer)
        upstream, out = await asyncio.open_connection("127.0.0.1", self.port)
        back = asyncio.create_task(self._back(upstream, writer))
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                out.write(data)
                await out.drain()
                if b"INSERT" in data:
                    self.inserts += 1
                    if self.armed:
                        break
        back.cancel()
        await asyncio.gather(back, return_exceptions=True)
        for end in (writer, out):
            end.close()
            with suppress(ConnectionError):
                await end.wait_closed()

    async def _back(self, upstream, writer):
        with suppress(ConnectionError):
            while data := await upstream.read(65536):
                writer.write(data)
                await writer.drain()


async def test_an_insert_whose_answer_is_lost_is_sent_once_and_unknown(canary):
    front = create_front(canary, FrontAccess(writable=True))
    async with serve_front(front, "127.0.0.1", 0) as port:
        cutter = Cutter(port)
        proxy = await asyncio.start_server(cutter, "127.0.0.1", 0)
        async with proxy:
            warehouse = await open_server(f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
            await warehouse.insert("canary", {"n": [4]}, {"n": "UInt64"})
            cutter.armed = True
            with pytest.raises(WarehouseUnavailable):
                await warehouse.insert("canary", {"n": [5]}, {"n": "UInt64"})
            cutter.armed = False
            assert cutter.inserts == 2
            assert (await warehouse.rows("SELECT count() FROM canary"))[0][0] in {4, 5}
            await warehouse.close()
            proxy.close()
            for writer in cutter.writers:
                writer.close()
            await asyncio.wait(cutter.open, timeout=20)


class Noting(Front):
    """Keeps what stood in the addresses it was asked under."""

    asked: list[dict[str, list[str]]]

    async def __call__(self, scope, receive, send):
        self.asked.append(parse_qs(scope["query_string"].decode(), keep_blank_values=True))
        await super().__call__(scope, receive, send)


async def test_every_statement_carries_them(canary) -> None:
    front = Noting(canary, FrontAccess(writable=True))
    front.asked = []
    async with serve_front(front, "127.0.0.1", 0) as port:
        warehouse = await open_server(f"http://127.0.0.1:{port}")
        front.asked.clear()
        await warehouse.rows("SELECT 1")
        await warehouse.command("CREATE TABLE made (n UInt64) ENGINE = Memory")
        await warehouse.insert("canary", {"n": [4]}, {"n": "UInt64"})
        await warehouse.close()
    assert len(front.asked) == 3
    for options in front.asked:
        assert {name: options[name] for name in MEANING} == {name: [value] for name, value in MEANING.items()}


LATER = {
    "TIMEOUT_EXCEEDED", "CANNOT_ALLOCATE_MEMORY", "QUOTA_EXCEEDED", "TOO_MANY_SIMULTANEOUS_QUERIES", "NO_FREE_CONNECTION",
    "SOCKET_TIMEOUT", "NETWORK_ERROR", "NO_ZOOKEEPER", "ABORTED", "MEMORY_LIMIT_EXCEEDED", "TABLE_IS_READ_ONLY",
    "NOT_ENOUGH_SPACE", "TOO_MANY_PARTS", "ALL_CONNECTION_TRIES_FAILED", "TOO_FEW_LIVE_REPLICAS",
    "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE", "UNKNOWN_STATUS_OF_INSERT", "QUERY_WAS_CANCELLED", "CANNOT_SCHEDULE_TASK",
    "SERVER_OVERLOADED", "KEEPER_EXCEPTION",
}  # fmt: skip
NEVER = {"UNKNOWN_TABLE", "SYNTAX_ERROR", "ACCESS_DENIED", "READONLY", "TYPE_MISMATCH", "TOO_MANY_ROWS_OR_BYTES"}


async def test_what_passes_is_waited_for(canary) -> None:
    """The engine throws each of these errors; consumers wait for those that pass, and stop at those that don't."""
    names = "SELECT number, errorCodeToName(number) FROM numbers(1, 1100) WHERE errorCodeToName(number) IN {names:Array(String)}"
    async with serve_front(create_front(canary, FrontAccess(writable=True)), "127.0.0.1", 0) as port:
        warehouse = await open_server(f"http://127.0.0.1:{port}")
        codes = await warehouse.rows(names, {"names": sorted(LATER | NEVER)})
        assert {name for _, name in codes} == LATER | NEVER
        for code, name in codes:
            throw = f"SELECT throwIf(1, 'no', {code}::Int16) SETTINGS allow_custom_error_code_in_throwif = 1"
            with pytest.raises(WarehouseError) as told:
                await warehouse.rows(throw)
            assert (told.value.code, isinstance(told.value, WarehouseUnavailable)) == (code, name in LATER), name
        await warehouse.close()
