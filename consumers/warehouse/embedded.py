"""The embedded engine as a `Warehouse`: chDB in this process, three writing lanes and two reading ones.

One process owns the folder (see engine_lock.py). Outside readers get lanes of their own with the reader's role.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, cast

from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.query import QueryContext, QueryResult
from clickhouse_connect.driver.transform import NativeTransform

from consumers.warehouse.block import Block, bind, insert_statement, native_block, row_count
from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.engine_files import PIPELINE_STATEMENTS, EngineLimits, reader_statements, write_engine_files
from consumers.warehouse.engine_handle import EngineHandle
from consumers.warehouse.engine_lock import FolderLock
from consumers.warehouse.gate import Gate
from consumers.warehouse.lane import Lane, LanePool

_WRITERS = 3  # two for a refresh, one for loading beside it
_READERS = 2


class _Bytes:
    """What clickhouse-connect's decoder reads from: bytes already at hand."""

    last_message: bytes | None = None
    exception_tag: str | None = None

    def __init__(self, body: bytes) -> None:
        self.gen = iter([body])

    def close(self) -> None:
        """Nothing to close."""


class EmbeddedWarehouse:
    """See `contract.Warehouse`. Make it with `open_embedded`."""

    def __init__(self, folder: Path, database: str, limits: EngineLimits) -> None:
        self._folder = folder
        self._database = database
        self.limits = limits
        self._lock = FolderLock(folder)
        self._config = write_engine_files(folder, database, limits)
        self._writers: LanePool
        self._readers: LanePool
        self._control: Lane
        self._closed = False
        self.gate = Gate()

    @property
    def database(self) -> str:
        """The database of this warehouse."""
        return self._database

    async def start(self) -> None:
        """Open the lanes; the database is made when it is missing."""
        opened: list[Lane] = []
        try:
            self._control = await self._lane("control", use=False)
            opened.append(self._control)
            await self.raw(f"CREATE DATABASE IF NOT EXISTS {self._database}")
            opened += [await self._lane(f"lane-{number}") for number in range(_WRITERS + _READERS)]
        except BaseException:
            for lane in opened:
                await lane.close()
            self._lock.release()
            raise
        self._writers = LanePool(opened[1 : 1 + _WRITERS])
        self._readers = LanePool(opened[1 + _WRITERS :])

    async def _lane(self, name: str, *, use: bool = True) -> Lane:
        first = [f"USE {self._database}", *PIPELINE_STATEMENTS] if use else []
        return await Lane.open(f"warehouse-{name}", lambda: self._handle(first))

    def _handle(self, statements: list[str]) -> EngineHandle:
        handle = EngineHandle(self._folder / "engine", self._config)
        try:
            for statement in statements:
                handle.run(statement)
        except BaseException:
            handle.close()
            raise
        return handle

    async def open_reader(self, name: str) -> Lane:
        """A lane for an outside reader: read-only role, limits, this database. The caller closes it first."""
        first = [f"USE {self._database}", *reader_statements(self.limits)]
        return await Lane.open(name, lambda: self._handle(first))

    async def open_owner(self, name: str) -> Lane:
        """A lane for the owner from outside: everything, in this database first. The caller closes it first."""
        return await Lane.open(name, lambda: self._handle([f"USE {self._database}"]))

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """See the contract."""
        if row_count(columns) == 0:
            return
        statement = insert_statement(table, columns)
        async with self._writers.borrow() as lane:
            await lane.call(lambda: lane.handle.insert(statement, native_block(columns, types)))

    async def insert_block(self, table: str, block: Block) -> None:
        """See the contract."""
        if block.rows:
            await self.push(insert_statement(table, block.names), block.body, "Native")

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See the contract."""
        await self.execute(*bind(sql, parameters))

    async def execute(self, sql: str, parameters: Mapping[str, str] | None = None) -> None:
        """A statement whose parameters are in the wire's form already."""
        async with self._writers.borrow() as lane:
            await lane.call(lambda: lane.handle.run(sql, "Null", parameters))

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See the contract."""
        text, bound = bind(sql, parameters)
        async with self._readers.borrow() as lane:
            return await lane.call(lambda: _decode(lane.handle.run(text, "Native", bound).body))

    async def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, output_format: str = "JSONEachRow"
    ) -> AsyncIterator[bytes]:
        """See the contract."""
        text, bound = bind(sql, parameters)
        async with self._readers.borrow() as lane:
            async for block in lane.blocks(text, output_format, bound):
                yield block

    def readers_wait(self, patience_s: float) -> AbstractAsyncContextManager[None]:
        """See the contract."""
        return self.gate.shut(patience_s)

    async def hold_merges(self, table: str, *, held: bool) -> None:
        """See the contract."""
        await self.raw(f"SYSTEM {'STOP' if held else 'START'} MERGES {self._database}.{table}")

    async def ping(self) -> bool:
        """Whether the engine answers."""
        if self._closed:
            return False
        try:
            return await self.rows("SELECT 1") == [(1,)]
        except WarehouseError:
            return False

    async def raw(self, sql: str, output_format: str = "TabSeparated") -> bytes:
        """An owner's statement in the control lane, which nothing slow ever enters."""
        result = await self._control.call(lambda: self._control.handle.run(sql, output_format))
        return result.body

    async def push(self, statement: str, data: bytes, input_format: str) -> int:
        """An owner's INSERT of bytes in any input format; the rows written."""
        async with self._writers.borrow() as lane:
            return await lane.call(lambda: lane.handle.insert(statement, data, input_format))

    async def close(self) -> None:
        """Close the lanes, then let go of the folder; idempotent."""
        if self._closed:
            return
        self._closed = True
        await self._writers.close()
        await self._readers.close()
        await self._control.close()
        self._lock.release()


def _decode(body: bytes) -> list[tuple[Any, ...]]:
    if not body:
        return []
    source = RespBuffCls(_Bytes(body))  # type: ignore[no-untyped-call]
    result = cast("QueryResult", NativeTransform.parse_response(source, QueryContext()))
    return [tuple(row) for row in result.result_rows]


async def open_embedded(folder: Path, database: str = "netiv", limits: EngineLimits | None = None) -> EmbeddedWarehouse:
    """Open (or make) the tables in `folder`. Raises `WarehouseError`: folder taken, engine not installed."""
    folder = await asyncio.to_thread(_made, folder)
    warehouse = EmbeddedWarehouse(folder, database, limits or EngineLimits())
    await warehouse.start()
    return warehouse


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.resolve()
