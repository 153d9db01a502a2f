"""Traces of batches, when they are switched on: which requests a batch came from, and a span around every statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from consumers.warehouse.block import Block
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Stored
from eventlog.tracing import LINKS_MAX, Spans
from schemas.record import Accepted, decode

# What a statement does stands in its first words; the rest may be long, and values are never part of it.
NAME_MAX: Final = 60


def traces_of(records: Sequence[Stored]) -> tuple[str, ...]:
    """The `traceparent`s of the requests that these records came with, some of them where they are many."""
    found: dict[str, None] = {}
    for stored in records:
        try:
            record = decode(stored.value)
        except msgspec.MsgspecError:
            continue
        if isinstance(record, Accepted) and record.trace:
            found[record.trace] = None
            if len(found) >= LINKS_MAX:
                break
    return tuple(found)


class TracedWarehouse(PassingWarehouse):
    """See `warehouse.contract.Warehouse`."""

    def __init__(self, inner: Warehouse, spans: Spans) -> None:
        super().__init__(inner)
        self._spans = spans

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """See the contract."""
        with self._spans.span(f"clickhouse INSERT INTO {table}"):
            self._spans.note("db.system.name", "clickhouse")
            self._spans.note("netiv.rows", len(next(iter(columns.values()), ())))
            await self._inner.insert(table, columns, types)

    async def insert_block(self, table: str, block: Block) -> None:
        """See the contract."""
        with self._spans.span(f"clickhouse INSERT INTO {table}"):
            self._spans.note("db.system.name", "clickhouse")
            self._spans.note("netiv.rows", block.rows)
            await self._inner.insert_block(table, block)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See the contract."""
        with self._spans.span(_name(sql)):
            self._spans.note("db.system.name", "clickhouse")
            await self._inner.command(sql, parameters)

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See the contract."""
        with self._spans.span(_name(sql)):
            self._spans.note("db.system.name", "clickhouse")
            return await self._inner.rows(sql, parameters)


def _name(sql: str) -> str:
    words = " ".join(line for line in sql.split("\n") if not line.lstrip().startswith("--")).split()
    kept: list[str] = []
    for word in words:
        if word.startswith("(") or len(kept) >= 4:
            break
        kept.append(word)
    return f"clickhouse {' '.join(kept)}"[:NAME_MAX]
