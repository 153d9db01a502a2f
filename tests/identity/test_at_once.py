"""Alone on the tables, a few identifiers of several levels are resolved at once: the same as level by level, in fewer passes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consumers.app import make_loop
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Record
from eventlog.embedded import open_embedded_log
from schemas.record import Accepted, encode
from schemas.settings import Settings

AT = 1_772_495_400_000
OWNERS = "SELECT id_type, id_value, owned_from, owners, neighbours, suppressed, device_group FROM identity_owners FINAL ORDER BY ALL"
Event = Mapping[str, Any]


def log_in(number: int, visitor: str, user: str, **more: Any) -> Event:
    return {"type": "identify", "event_id": f"e{number}", "visitor_id": visitor, "user_id": user, **more}


def click(visitor: str, number: int) -> Event:
    return {
        "type": "page", "event_id": f"e{number}", "visitor_id": visitor, "context": {"url": f"https://x.example/?gclid=g{visitor}"},
    }  # fmt: skip


# Each list arrives at once. An account, a visitor and a click that were never seen; then an account that becomes two by an alias; an
# address whose account changes under the visitors and clicks that hang on it; a visitor that ceases to connect anybody.
NEW = [log_in(1, "v1", "u1"), click("v1", 2)]
ADDRESS = [log_in(3, "v2", "u2", email="a@example.com"), click("v2", 4), click("v3", 5)]
MOVES = [log_in(6, "v4", "u3", email="a@example.com"), {**click("v3", 7), "email": "a@example.com"}, click("v4", 8)]
CROWD = [log_in(10 + number, "v1", f"crowd{number}") for number in range(12)]
ALIAS = [{"type": "alias", "event_id": "e30", "user_id": "u1", "identifiers": {"user_id": "u2"}}]
HISTORY: Sequence[Sequence[Event]] = (NEW, ADDRESS, MOVES, CROWD, ALIAS, [click("v5", 40), log_in(41, "v5", "u1")])


class Passes(PassingWarehouse):
    """Counts how often owners are resolved."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.number = 0

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.number += "INSERT INTO netiv_scratch.identity_owners" in sql
        await super().command(sql, parameters)


async def resolve(folder: Path) -> list[tuple[int, list[tuple[Any, ...]]]]:
    """How many passes each list of the history took, and the owners after it."""
    warehouse = await open_embedded(folder / "warehouse")
    log = await open_embedded_log(folder / "log")
    try:
        await prepare_tables(warehouse, load())
        found = []
        for number, events in enumerate(HISTORY):
            await log.append([Record(b"v", record(number, event)) for event in events])
            passes = Passes(warehouse)
            loop, refresher = make_loop(log, passes, load(), Settings())
            assert refresher.ALONE
            await refresher.prepare()
            stop = asyncio.Event()
            stop.set()
            await loop.run(stop)
            found.append((passes.number, await warehouse.rows(OWNERS)))
        return found
    finally:
        await log.close()
        await warehouse.close()


def record(number: int, event: Event) -> bytes:
    return encode(
        Accepted(
            site="s", received_at=AT + number * 1_000, event_id=str(event["event_id"]), visitor_id=str(event.get("visitor_id", "")),
            event=msgspec.json.encode(event), secret=event["type"] == "alias",
        )
    )  # fmt: skip


@pytest.mark.anyio
async def test_at_once_and_level_by_level_end_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = await resolve(tmp_path / "at_once")
    monkeypatch.setattr("consumers.identity.resolver.AT_ONCE_MAX", 0)
    by_level = await resolve(tmp_path / "by_level")
    assert [owners for _, owners in at_once] == [owners for _, owners in by_level]
    passes, fewer = [number for number, _ in by_level], [number for number, _ in at_once]
    assert all(one < other for one, other in zip(fewer[:4], passes, strict=False))
    assert fewer[4] == passes[4], "what forms groups goes level by level"
    last = {(kind, value): rest for kind, value, *rest in at_once[-1][1]}
    assert last["user_id", "u2"][-1] == "user_id:u1"
    assert last["visitor_id", "v1"][-2] == 1
    assert last["gclid", "gv3"][1] == ["user_id:u3"]
