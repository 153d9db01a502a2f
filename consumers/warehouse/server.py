"""A ClickHouse server or cluster as a `Warehouse`: clickhouse-connect's HTTP client in threads.

Only a connection that was never made is tried again; whatever broke after sending has an unknown outcome and is
`WarehouseUnavailable`: the caller reads back before it sends again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from io import IOBase
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import clickhouse_connect
import lz4.frame
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from consumers.warehouse.block import INSERT_SETTINGS, Block, pack, row_count
from consumers.warehouse.cluster import SETTINGS
from consumers.warehouse.contract import WarehouseError, WarehouseUnavailable
from consumers.warehouse.failure import error_code, failure

T = TypeVar("T")
_THREADS = 4
_ATTEMPTS = 5
_BACKOFF_S = 0.1
_CHUNK_BYTES = 256 * 1024
_RETRY_LATER = frozenset({159, 202, 209, 210, 241, 242, 319, 999})
"""Codes after which the same statement may work, or may have worked: time-outs, overload, read-only, unknown status."""


class ServerWarehouse:
    """See `contract.Warehouse`. Make it with `open_server`."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="warehouse")

    @property
    def database(self) -> str:
        """The database of this warehouse."""
        return self._database

    async def _call(self, work: Callable[[], T]) -> T:
        return await retried(lambda: asyncio.get_running_loop().run_in_executor(self._threads, work))

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """See the contract."""
        if row_count(columns):
            await self._call(lambda: self._send(table, pack(columns, types)))

    async def insert_block(self, table: str, block: Block) -> None:
        """See the contract."""
        if block.rows:
            await self._call(lambda: self._send(table, block))

    def _send(self, table: str, block: Block) -> None:
        # An iterator can't be sent a second time: clickhouse-connect re-sends bytes when the answer is lost.
        body = (part for part in [lz4.frame.compress(block.body)])
        self._client.raw_insert(
            table, list(block.names), body, settings=dict(INSERT_SETTINGS), fmt="Native", compression="lz4"
        )

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See the contract."""
        values = dict(parameters or {})
        await self._call(lambda: self._client.command(sql, values))

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See the contract."""
        values = dict(parameters or {})
        result = await self._call(lambda: self._client.query(sql, values).result_rows)
        return [tuple(row) for row in result]

    async def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, output_format: str = "JSONEachRow"
    ) -> AsyncIterator[bytes]:
        """See the contract."""
        values = dict(parameters or {})
        source = await self._call(lambda: cast("IOBase", self._client.raw_stream(sql, values, fmt=output_format)))
        try:
            while chunk := await self._call(lambda: source.read(_CHUNK_BYTES)):
                yield bytes(chunk)
        finally:
            await asyncio.shield(self._call(source.close))

    def readers_wait(self, patience_s: float) -> AbstractAsyncContextManager[None]:
        """See the contract."""
        del patience_s
        return nullcontext()

    async def ping(self) -> bool:
        """Whether the server answers."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._client.ping)

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await asyncio.to_thread(self._client.close)
        self._threads.shutdown(wait=False)


async def retried(attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of `attempt`, tried again (with jittered back-off) only while no connection could be made."""
    for number in range(1, _ATTEMPTS + 1):
        try:
            return await attempt()
        except (Error, OSError) as error:
            if _never_sent(error) and number < _ATTEMPTS:
                # Jitter spreads reconnects; nothing here is secret.
                await asyncio.sleep(_BACKOFF_S * 2 ** (number - 1) * random.uniform(0.5, 1))  # noqa: S311
                continue
            raise translated(error) from error
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


def translated(error: BaseException) -> WarehouseError:
    """The contract's error for one of clickhouse-connect's."""
    code = int(getattr(error, "code", None) or error_code(str(error)))
    if code == 0 or code in _RETRY_LATER:
        return WarehouseUnavailable(f"The ClickHouse server cannot be used now: {error}", code)
    refused = failure(error)
    return WarehouseError(str(refused), code)


def _never_sent(error: BaseException | None) -> bool:
    """Whether the chain of causes shows that no connection was made."""
    while error is not None:
        if isinstance(error, NewConnectionError | ConnectTimeoutError | ConnectionRefusedError):
            return True
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return False


async def open_server(
    url: str, database: str = "netiv", user: str = "", password: str = "", cluster: str = ""
) -> ServerWarehouse:
    """Connect to `http(s)://[user:password@]host[:port]`; the database is made when it is missing, in all of `cluster` if
    one is named. Raises `WarehouseUnavailable` when nobody answers, `WarehouseError` when the server refuses."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WarehouseError(f"NETIV_CLICKHOUSE must look like http://host:8123, not {url!r}")
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or (8443 if parts.scheme == "https" else 8123),
        "secure": parts.scheme == "https",
        "username": user or parts.username or "default",
        "password": password or parts.password or "",
        "autogenerate_session_id": False,
        "query_retries": 0,
        "connect_timeout": 5,
        "settings": dict(SETTINGS) if cluster else {},
    }
    everywhere = f" ON CLUSTER '{cluster}'" if cluster else ""

    def connect() -> Client:
        first = clickhouse_connect.get_client(**options)
        try:
            found = first.query("SELECT 1 FROM system.databases WHERE name = {name:String}", {"name": database})
            if not found.row_count:
                first.command(f"CREATE DATABASE IF NOT EXISTS {database}{everywhere}")
        finally:
            first.close()
        return clickhouse_connect.get_client(**options, database=database)

    client = await retried(lambda: asyncio.to_thread(connect))
    return ServerWarehouse(client, database)
