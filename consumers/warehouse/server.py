"""A ClickHouse server or cluster as a `Warehouse`: clickhouse-connect's asynchronous HTTP client and its pool.

Only a connection that was never made is tried again; whatever broke after sending has an unknown outcome and is
`WarehouseUnavailable`: the caller reads back before it sends again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

import aiohttp
import clickhouse_connect
import lz4.frame
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import Error

from consumers.warehouse.block import INSERT_SETTINGS, Block, pack, row_count
from consumers.warehouse.cluster import SETTINGS
from consumers.warehouse.contract import WarehouseError, WarehouseUnavailable
from consumers.warehouse.failure import RETRY_LATER, error_code, failure
from consumers.warehouse.profile import MEANING
from schemas.address import address_of

T = TypeVar("T")
_CONNECTIONS = 4
_ATTEMPTS = 5
_BACKOFF_S = 0.1


class ServerWarehouse:
    """See `contract.Warehouse`. Make it with `open_server`."""

    def __init__(self, client: AsyncClient, database: str) -> None:
        self._client = client
        self._database = database

    @property
    def database(self) -> str:
        """The database of this warehouse."""
        return self._database

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """See the contract."""
        if row_count(columns):
            await self._send(table, pack(columns, types))

    async def insert_block(self, table: str, block: Block) -> None:
        """See the contract."""
        if block.rows:
            await self._send(table, block)

    async def _send(self, table: str, block: Block) -> None:
        body = await asyncio.to_thread(lz4.frame.compress, block.body)

        async def once() -> AsyncIterator[bytes]:
            # What comes from an iterator can't be sent a second time: clickhouse-connect re-sends bytes when the answer is lost.
            yield body

        names, settings = list(block.names), dict(INSERT_SETTINGS)
        await retried(
            lambda: self._client.raw_insert(table, names, once(), settings=settings, fmt="Native", compression="lz4")
        )

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See the contract."""
        values = dict(parameters or {})
        await retried(lambda: self._client.command(sql, values))

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See the contract."""
        values = dict(parameters or {})
        result = await retried(lambda: self._client.query(sql, values))
        return [tuple(row) for row in result.result_rows]

    async def stream(
        self, sql: str, parameters: Mapping[str, Any] | None = None, output_format: str = "JSONEachRow"
    ) -> AsyncIterator[bytes]:
        """See the contract."""
        values = dict(parameters or {})
        source = await retried(lambda: self._client.raw_stream(sql, values, fmt=output_format))
        try:
            async with source as chunks:
                async for chunk in chunks:
                    yield bytes(chunk)
        except (Error, OSError, aiohttp.ClientError) as error:
            raise translated(error) from error

    def readers_wait(self, patience_s: float) -> AbstractAsyncContextManager[None]:
        """See the contract."""
        del patience_s
        return nullcontext()

    async def hold_merges(self, table: str, *, held: bool) -> None:
        """See the contract."""

    async def ping(self) -> bool:
        """Whether the server answers."""
        return await self._client.ping()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._client.close()


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
    if code == 0 or code in RETRY_LATER:
        return WarehouseUnavailable(f"The ClickHouse server cannot be used now: {error}", code)
    refused = failure(error)
    return WarehouseError(str(refused), code)


def _never_sent(error: BaseException | None) -> bool:
    """Whether the chain of causes shows that no connection was made."""
    while error is not None:
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def open_server(
    url: str, database: str = "netiv", user: str = "", password: str = "", cluster: str = ""
) -> ServerWarehouse:
    """Connect to the server at `url` (see `schemas.address`), as its user or as this one; the database is made when it is
    missing, in all of `cluster` if one is named. Raises `WarehouseUnavailable` when nobody answers, `WarehouseError` when the
    server refuses."""
    try:
        address = address_of(url, user, password)
    except ValueError as error:
        raise WarehouseError(str(error)) from None
    options: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "secure": address.secure,
        "proxy_path": address.path,
        "username": address.user or "default",
        "password": address.password,
        "autogenerate_session_id": False,
        "query_retries": 0,
        "connect_timeout": 5,
        "connector_limit": _CONNECTIONS,
        "connector_limit_per_host": _CONNECTIONS,
    }
    everywhere = f" ON CLUSTER '{cluster}'" if cluster else ""

    async def connect() -> AsyncClient:
        async with await clickhouse_connect.get_async_client(**options) as first:
            meaning = {name: value for name, value in MEANING.items() if name in first.server_settings}
            found = await first.query("SELECT 1 FROM system.databases WHERE name = {name:String}", {"name": database})
            if not found.row_count:
                await first.command(f"CREATE DATABASE IF NOT EXISTS {database}{everywhere}")
        settings = {**meaning, **(SETTINGS if cluster else {})}
        return await clickhouse_connect.get_async_client(**options, settings=settings, database=database)

    return ServerWarehouse(await retried(connect), database)
