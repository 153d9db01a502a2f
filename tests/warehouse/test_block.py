"""Columns become blocks; nothing of them stays behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from consumers.warehouse.block import pack
from consumers.warehouse.contract import WarehouseError

TYPES = {"n": "UInt64", "name": "LowCardinality(String)"}


class Column(list[Any]):
    """A list that can be watched."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """As in the processes that enrich: garbage in circles would stay for ever."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("values", [[1, 2], [1, "x"], [1, -1]])
def test_columns_are_let_go_of(values: list[Any]) -> None:
    column = Column(values)
    watched = weakref.ref(column)
    with suppress(WarehouseError):
        pack({"n": column, "name": ["a", "b"]}, TYPES)
    del column
    assert watched() is None


def test_an_unfit_column_is_named() -> None:
    with pytest.raises(WarehouseError, match="'n' does not fit its type"):
        pack({"n": [1, "x"], "name": ["a", "b"]}, TYPES)
