"""Names of consumers, and waiting for what is away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from consumers.name import claim_name
from consumers.opening import Stopped, again_and_again, is_away, is_shared, require_tables
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import WarehouseError, WarehouseUnavailable
from consumers.warehouse.embedded import open_embedded
from eventlog.contract import LogError, LogUnavailable
from schemas.settings import Settings

pytestmark = pytest.mark.anyio


async def test_a_name_is_held_by_one_and_comes_back(tmp_path: Path) -> None:
    first, second = claim_name(tmp_path), claim_name(tmp_path)
    assert first.text != second.text
    assert first.text.isidentifier() or first.text.replace("_", "a").isalnum()
    first.close()
    again = claim_name(tmp_path)
    assert again.text == first.text
    again.close()
    second.close()


async def test_a_wanted_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    held = claim_name(tmp_path, "consumers-0")
    assert held.text == "consumers_0"
    with pytest.raises(WarehouseError, match="NETIV_CONSUMER"):
        claim_name(tmp_path, "consumers-0")
    held.close()


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (WarehouseUnavailable("x"), True),
        (LogUnavailable("x"), True),
        (ExceptionGroup("g", [LogUnavailable("x"), ExceptionGroup("h", [WarehouseUnavailable("y")])]), True),
        (ExceptionGroup("g", [LogUnavailable("x"), ValueError("bug")]), False),
        (WarehouseError("syntax", 62), False),
        (LogError("x"), False),
    ],
)
async def test_what_counts_as_away(error: Exception, away: bool) -> None:
    assert is_away(error) is away


async def test_it_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.opening.AGAIN_S", 0.001)
    errors = [WarehouseUnavailable("a"), LogUnavailable("b")]

    async def work() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert await again_and_again(work, asyncio.Event()) == "done"


async def test_a_stop_ends_the_wait() -> None:
    stop = asyncio.Event()
    stop.set()

    async def work() -> None:
        raise LogUnavailable("away")

    with pytest.raises(Stopped):
        await again_and_again(work, stop)


async def test_a_bug_is_not_waited_for() -> None:
    async def work() -> None:
        raise WarehouseError("syntax", 62)

    with pytest.raises(WarehouseError, match="syntax"):
        await again_and_again(work, asyncio.Event())


async def test_tables_must_be_of_this_version(tmp_path: Path) -> None:
    warehouse = await open_embedded(tmp_path / "warehouse")
    try:
        with pytest.raises(WarehouseUnavailable, match="netiv migrate"):
            await require_tables(warehouse)
        await prepare_tables(warehouse, load())
        await require_tables(warehouse)
        await warehouse.command(
            "ALTER TABLE schema_migrations DELETE WHERE name = '0001_facts.sql' SETTINGS mutations_sync = 1"
        )
        with pytest.raises(WarehouseUnavailable, match="0001_facts"):
            await require_tables(warehouse)
    finally:
        await warehouse.close()


async def test_sharing_needs_both_servers() -> None:
    assert is_shared(Settings(kafka="k:9092", clickhouse="http://c:8123"))
    assert not is_shared(Settings(kafka="k:9092"))
    assert not is_shared(Settings(clickhouse="http://c:8123"))
