"""The tables of rules are read by refreshes while somebody publishes: they are never empty, nor doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from consumers.rules.files import Rate, Rules, load
from consumers.tables import RULE_TABLES, prepare_tables, publish_rules
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.passing import PassingWarehouse

pytestmark = pytest.mark.anyio
SHIPPED = msgspec.structs.replace(load(), rates=[Rate("EUR", "USD", "2026-01-01", 0.9)])
OTHER = msgspec.structs.replace(SHIPPED, referrers=SHIPPED.referrers[1:], rates=[*SHIPPED.rates, Rate("EUR", "ILS", "2026-01-01", 0.25)])  # fmt: skip


class Watched(PassingWarehouse):
    """Notes how much the tables of rules have after each statement that changes anything."""

    def __init__(self, inner) -> None:
        super().__init__(inner)
        self.seen: list[list[int]] = []

    async def sizes(self) -> list[int]:
        return [(await self.rows(f"SELECT count() FROM {table}"))[0][0] for table in RULE_TABLES]

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        await super().command(sql, parameters)
        self.seen.append(await self.sizes())

    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        await super().insert(table, columns, types)
        self.seen.append(await self.sizes())


def rows_of(rules: Rules) -> list[int]:
    return [len(rules.referrers), len(rules.channels.rules) + 1, len(rules.rates)]


@pytest.fixture
async def warehouse(tmp_path):
    opened = await open_embedded(tmp_path / "warehouse")
    try:
        await prepare_tables(opened, SHIPPED)
        yield Watched(opened)
    finally:
        await opened.close()


async def test_they_change_all_at_once(warehouse: Watched) -> None:
    await publish_rules(warehouse, OTHER)
    assert [sizes for n, sizes in enumerate(warehouse.seen) if sizes not in warehouse.seen[:n]] == [
        rows_of(SHIPPED), rows_of(OTHER)]  # fmt: skip


async def test_the_same_rules_change_nothing(warehouse: Watched) -> None:
    await publish_rules(warehouse, SHIPPED)
    assert warehouse.seen == []


async def test_what_was_emptied_by_hand_is_filled(warehouse: Watched) -> None:
    await warehouse.command("TRUNCATE TABLE referrer_hosts")
    await publish_rules(warehouse, SHIPPED)
    assert await warehouse.sizes() == rows_of(SHIPPED)


async def test_two_at_once(warehouse: Watched) -> None:
    await asyncio.gather(publish_rules(warehouse, OTHER), publish_rules(warehouse, OTHER))
    assert await warehouse.sizes() == rows_of(OTHER)


async def test_what_a_crash_left_behind_goes(warehouse: Watched) -> None:
    await warehouse.command("CREATE DATABASE netiv_rules_1600000000000000")  # long ago
    await warehouse.command("CREATE DATABASE netiv_rules_9795461633967000")  # somebody is at it
    await warehouse.command("CREATE DATABASE netiv_rules_mine")
    await publish_rules(warehouse, OTHER)
    left = await warehouse.rows("SELECT name FROM system.databases WHERE startsWith(name, 'netiv_rules') ORDER BY name")
    assert left == [("netiv_rules_9795461633967000",), ("netiv_rules_mine",)]
