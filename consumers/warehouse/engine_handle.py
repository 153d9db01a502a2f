"""One connection to the embedded engine, blocking; used by one thread at a time. Bytes in, bytes out.

Inserts are pushed through `send_insert` (no temporary file, as clickhouse-connect's backend would write); results come
whole, or block by block from `send_query`, whose blocks can be joined only in formats without head and foot.

What the engine had written of a result when its query failed it keeps, and puts it in front of the next one of the same
connection, whoever asks: it is taken away at once, or nothing more is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from consumers.warehouse import frames
from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.failure import failure

STREAMED_FORMATS = frozenset(
    {"Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "RowBinary", "JSONEachRow", "JSONLines"}
    | {"NDJSON", "JSONStringsEachRow", "JSONCompactEachRow", "JSONCompactStringsEachRow", "LineAsString", "MsgPack"}
)
# What the engine freed goes back to the machine after a second, not after five and more: a backlog leaves 300 MiB less behind. Its
# allocator reads this where it is loaded.
_ALLOCATOR: Final = ("JE_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0")


class Result(msgspec.Struct, frozen=True):
    """A whole result and what the engine says it read."""

    body: bytes
    rows: int
    read_rows: int
    read_bytes: int
    elapsed_s: float


def _connect(address: str) -> Any:
    """`chdb.connect`, without the 38 MiB of pyarrow that it loads when it can and that nobody here uses."""
    os.environ.setdefault(*_ALLOCATOR)
    try:
        with frames.hidden("pyarrow"):
            import chdb

            return chdb.connect(address)  # type: ignore[no-untyped-call]
    except ImportError as error:
        raise WarehouseError(
            "The embedded engine is not installed. Run: pip install 'netiv[embedded]' — or set NETIV_CLICKHOUSE to the "
            "URL of a ClickHouse server."
        ) from error
    except RuntimeError as error:
        raise WarehouseError(
            f"The embedded engine cannot open its folder: {error}. One process can open one folder; is another open?"
        ) from error


class EngineHandle:
    """A session with the engine: SET, USE and temporary tables live as long as it does."""

    def __init__(self, folder: Path, config: Path) -> None:
        # The engine is opened by an address: of what comes behind such a mark it would read neither limits nor roles.
        if {"?", "&"} & set(str(folder)):
            raise WarehouseError(f"The data folder must not have a question mark or an ampersand in its path: {folder}")
        self._connection = _connect(f"{folder}?config-file={quote(str(config))}")
        self._left = False
        """Whether a failed query may have left a piece of its result."""

    def run(self, sql: str, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None) -> Result:
        """One statement, its whole result."""
        self._clear()
        try:
            result = self._connection.query(sql, output_format, params=dict(parameters or {}))
            body = result.bytes()
        except Exception as error:
            self._failed()
            raise failure(error) from error
        return Result(
            body=body,
            rows=result.rows_read(),
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            elapsed_s=result.elapsed(),
        )

    def insert(self, statement: str, data: bytes, input_format: str = "Native") -> int:
        """Push `data` into an INSERT (without FORMAT); the rows written. Nothing is kept when it fails."""
        try:
            with self._connection.send_insert(statement, input_format) as insert:
                insert.append(data)
                return int(insert.finish().rows_written)
        except Exception as error:
            raise failure(error) from error

    def stream(self, sql: str, output_format: str, parameters: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """The result block by block; closing the iterator cancels the query."""
        if output_format not in STREAMED_FORMATS:
            yield self.run(sql, output_format, parameters).body
            return
        self._clear()
        try:
            blocks = self._connection.send_query(sql, output_format, params=dict(parameters or {}))
        except Exception as error:
            self._failed()
            raise failure(error) from error
        try:
            for block in blocks:
                yield block.bytes()
        except Exception as error:
            self._left = True
            raise failure(error) from error
        finally:
            blocks.close()

    def _failed(self) -> None:
        """At once: what was left may be large. When that fails too, the next call tries again before it asks."""
        self._left = True
        with suppress(WarehouseError):
            self._clear()

    def _clear(self) -> None:
        if self._left:
            try:
                self._connection.query("SELECT 1", "Null")
            except Exception as error:
                raise failure(error) from error
            self._left = False

    def close(self) -> None:
        """Close; idempotent."""
        self._connection.close()
