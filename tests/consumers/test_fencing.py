"""Several loaders on one partition: whoever claimed last inserts, nobody else does, and no insert's outcome stays unknown."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from consumers.enrich.facts import Facts, columns
from consumers.enrich.row import BLANK, EVENT_TYPES
from consumers.fencing import Claimant, FencedLoader, mark
from consumers.load import Fenced, Load, load_of
from consumers.warehouse.contract import WarehouseUnavailable
from consumers.warehouse.passing import PassingWarehouse

pytestmark = pytest.mark.anyio
AT = 1_772_495_400_000


async def little_wait(seconds: float) -> None:
    """The tests' clock goes ten times as fast."""
    await asyncio.sleep(seconds / 10)


def loader(warehouse, owner: str) -> FencedLoader:
    return FencedLoader(warehouse, little_wait, Claimant(owner, f"netiv_scratch_{owner}"))


def facts(*offsets: int, partition: int = 0) -> Load:
    rows = [
        {
            **BLANK,
            "site": "s",
            "event_id": f"e{n}",
            "received_at": AT,
            "log_gen": 7,
            "log_part": partition,
            "log_off": n,
        }
        for n in offsets
    ]
    return load_of(Facts(events=columns(rows, EVENT_TYPES)), {}, len(rows))


def links(*offsets: int, partition: int = 0) -> Load:
    """A load that has links and no event."""
    rows = [
        {
            "site": "s", "id_type": "visitor_id", "id_value": "v", "other_type": "email", "other_value": "e", "kind": "said",
            "ts": AT, "received_at": AT, "event_id": f"e{n}", "evidence": "", "log_gen": 7, "log_part": partition, "log_off": n,
            "subject": "v", "secret": 0,
        }
        for n in offsets
    ]  # fmt: skip
    return load_of(Facts(links=rows), {partition: offsets[-1] + 1}, len(rows))


async def offsets(warehouse) -> list[int]:
    return [offset for (offset,) in await warehouse.rows("SELECT log_off FROM events ORDER BY log_off")]


async def test_who_lost_the_claim_inserts_nothing_and_is_told(warehouse) -> None:
    first, second = loader(warehouse, "a"), loader(warehouse, "b")
    await first.claim(7, [0, 1])
    await first.insert(facts(0, 1))
    await second.claim(7, [0])
    with pytest.raises(Fenced):
        await first.insert(facts(2, 3))
    assert await second.loaded_until(7, 0) == 2
    await second.insert(facts(2, 3))
    await first.insert(facts(9, partition=1))  # this one is its own still
    assert await offsets(warehouse) == [0, 1, 2, 3, 9]


async def test_who_lost_the_claim_brings_no_links_either(warehouse) -> None:
    """Whoever was erased meanwhile would be back."""
    first, second = loader(warehouse, "a"), loader(warehouse, "b")
    await first.claim(7, [0, 1])
    await first.insert(links(0))
    await second.claim(7, [0])
    with pytest.raises(Fenced):
        await first.insert(links(1))
    both = msgspec.structs.replace(links(4, partition=1), ends={0: 5, 1: 5}, runs=facts(5, partition=1).runs)
    with pytest.raises(Fenced):
        await first.insert(both)
    assert await offsets(warehouse) == []  # of its own partition, too, no event without what goes with it
    await first.insert(links(2, partition=1))
    await second.insert(links(3))
    found = await warehouse.rows("SELECT log_off FROM identity_links ORDER BY log_off")
    assert [offset for (offset,) in found] == [0, 2, 3]


async def test_a_claim_can_go_back_and_forth(warehouse) -> None:
    loaders = [loader(warehouse, "a"), loader(warehouse, "b")]
    for number, one in zip(range(6), itertools.cycle(loaders), strict=False):
        await one.claim(7, [0])
        assert await one.loaded_until(7, 0) == number
        await one.insert(facts(number))
    assert await offsets(warehouse) == list(range(6))


async def test_without_a_claim_nothing_goes_in(warehouse) -> None:
    one = loader(warehouse, "a")
    await one.claim(7, [1])
    with pytest.raises(Fenced):
        await one.insert(facts(0))
    assert await offsets(warehouse) == []


async def test_a_claim_waits_for_an_insert_of_the_former_owner(warehouse) -> None:
    slow = asyncio.create_task(
        warehouse.command(
            f"INSERT INTO events (log_gen, log_part, log_off, event_id) SELECT 7, 0, 41, '{mark(7, 0)}' "
            "FROM numbers(6) WHERE sleepEachRow(0.25) = 0 SETTINGS max_block_size = 1"
        )
    )

    async def running() -> bool:
        found = await warehouse.rows(
            "SELECT count() FROM system.processes WHERE position(query, 'sleepEach' || 'Row') > 0"
        )
        return bool(found[0][0])

    async with asyncio.timeout(20):
        while not await running():  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.01)
        one = loader(warehouse, "a")
        await one.claim(7, [0])
    assert await one.loaded_until(7, 0) == 42
    await slow


class Shaky(PassingWarehouse):
    """A warehouse whose statements are done or not done, and the answer lost, in a given order."""

    def __init__(self, inner, failures: list[str]) -> None:
        super().__init__(inner)
        self._failures = failures

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        failure = self._failures.pop(0) if self._failures and "INTO events" in sql else ""
        if failure == "before":
            raise WarehouseUnavailable("gone before")
        await super().command(sql, parameters)
        if failure == "after":
            raise WarehouseUnavailable("gone after")


@pytest.mark.parametrize("failures", [["before"], ["after"], ["before", "after"], ["", "before", "after"]])
async def test_an_unknown_outcome_is_read_back(warehouse, failures: list[str]) -> None:
    one = loader(Shaky(warehouse, failures), "a")
    await one.claim(7, [0])
    await one.insert(facts(0, 1, 2))
    await one.insert(facts(3, 4))
    assert await offsets(warehouse) == list(range(5))
    assert not failures


async def test_one_load_is_one_part_per_partition_and_month(warehouse) -> None:
    await warehouse.command("SYSTEM STOP MERGES events")
    one = loader(warehouse, "a")
    await one.claim(7, [0])
    await one.insert(facts(*range(20_000)))
    parts = await warehouse.rows(
        "SELECT count(), sum(rows) FROM system.parts WHERE table = 'events' AND active AND database = currentDatabase()"
    )
    assert parts == [(1, 20_000)]
