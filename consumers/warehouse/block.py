"""Columns → the bytes of one Native block, by clickhouse-connect's own codec; and parameters → their wire form.

One call gives exactly one block, so that one insert is one part. Times go in as integers (ticks). Knows no transport.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any

import msgspec
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.binding import bind_query, quote_identifier
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from consumers.warehouse.contract import WarehouseError

# The codec logs whole stack traces (with values) of bad columns before it hands us the exception.
logging.getLogger("clickhouse_connect.driver.transform").setLevel(logging.CRITICAL)

INSERT_SETTINGS = {"async_insert": "0", "deduplicate_insert": "disable", "insert_deduplicate": "0"}
"""One synchronous insert, never de-duplicated: a dropped block would be lost facts."""

_column_type = lru_cache(maxsize=4096)(get_from_name)


class Block(msgspec.Struct, frozen=True, array_like=True):
    """One block, encoded: what `Warehouse.insert_block` takes. May be made in another process."""

    names: tuple[str, ...]
    rows: int
    body: bytes


def pack(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> Block:
    """The columns as a block. Raises `WarehouseError` for ragged or unfit columns."""
    return Block(tuple(columns), row_count(columns), native_block(columns, types))


def native_block(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> bytes:
    """The Native bytes of the columns, in their order. Raises `WarehouseError` for ragged or unfit columns."""
    rows = row_count(columns)
    missing = [name for name in columns if name not in types]
    if missing:
        raise WarehouseError(f"No type was given for the columns {missing}")
    context = InsertContext(
        table="t",
        column_names=list(columns),
        column_types=[_column_type(types[name]) for name in columns],
        data=list(columns.values()),
        column_oriented=True,
        column_formats={name: "int" for name in columns if "DateTime" in types[name]},
        block_size=max(rows, 1),
    )
    try:
        chunks = list(NativeTransform.build_insert(context))
        unfit, column = context.insert_exception, context.column_name
    except Exception as error:
        raise WarehouseError(f"A column does not fit its type: {error}") from error
    finally:
        vars(context).clear()  # it holds itself, and so the columns, until somebody collects garbage
    if unfit is not None:
        raise WarehouseError(f"Column {column!r} does not fit its type: {unfit}")
    first = chunks[0]
    return b"".join([first[first.index(b"\n") + 1 :], *chunks[1:]])


def row_count(columns: Mapping[str, Sequence[Any]]) -> int:
    """The rows of a block; raises `WarehouseError` when the columns differ in length."""
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise WarehouseError(f"The columns of one block must have one length, not {sorted(lengths)}")
    return lengths.pop()


def insert_statement(table: str, columns: Iterable[str]) -> str:
    """`INSERT INTO table (columns) SETTINGS …`, without FORMAT."""
    names = ", ".join(quote_identifier(name) for name in columns)
    settings = ", ".join(f"{name} = '{value}'" for name, value in INSERT_SETTINGS.items())
    return f"INSERT INTO {table} ({names}) SETTINGS {settings}"


def bind(sql: str, parameters: Mapping[str, Any] | None) -> tuple[str, dict[str, str]]:
    """The statement and its server-side parameters `{name:Type}` as text, escaped for the wire, under bare names."""
    if not parameters:
        return sql, {}
    bound, texts = bind_query(sql, dict(parameters), UTC)
    return str(bound), {name.removeprefix("param_"): str(text) for name, text in texts.items()}
