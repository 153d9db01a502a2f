"""Events that show stages are looked for where a rule names any, or one did before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consumers.clock import now_us
from consumers.refresh.refresher import Refresher
from consumers.rules.conditions import EventRule
from consumers.rules.files import load
from consumers.rules.stages import Evidence, Stage, StageModel, StageRules
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.passing import PassingWarehouse

SHIPPED = load()
SHOWN_BY_PAGES = msgspec.structs.replace(
    SHIPPED,
    stages=StageRules(
        version=1,
        models=[StageModel("m", "M", [Stage("seen", [Evidence(event=EventRule(types=["page"]))])])],
    ),
)
STANDING = "SELECT event_id, stage_models, positions FROM stage_events FINAL"


class Noting(PassingWarehouse):
    """Notes what is written."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.written: list[str] = []

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.written.append(sql)
        await super().command(sql, parameters)


async def refresh(refresher: Refresher, noting: Noting) -> bool:
    """Whether stage events were looked for."""
    noting.written.clear()
    await refresher.mark([("shop", "v1", 0)])
    cycle = refresher.turn()
    await refresher.refresh(cycle)
    await refresher.clear(cycle)
    return any(sql.startswith("INSERT INTO netiv.stage_events ") for sql in noting.written)


@pytest.mark.anyio
async def test_stage_events_come_and_go_with_the_rules(tmp_path: Path) -> None:
    warehouse = await open_embedded(tmp_path)
    try:
        await prepare_tables(warehouse, SHIPPED)
        await warehouse.command(
            "INSERT INTO events (site, subject, event_id, visitor_id, type, ts, received_at, active, log_gen, log_off) "
            "SELECT 'shop', 'v1', 'e1', 'v1', 'page', now64(3), now64(3), 1, 1, 1"
        )
        noting = Noting(warehouse)
        refresher = Refresher(noting, SHIPPED, "netiv_scratch", "netiv", now_us)
        await refresher.prepare()
        assert not await refresh(refresher, noting)
        assert await warehouse.rows("SELECT count() FROM sessions FINAL") == [(1,)]
        refresher.adopt(SHOWN_BY_PAGES)
        assert await refresh(refresher, noting)
        assert await warehouse.rows(STANDING) == [("e1", ["m"], [1])]
        refresher.adopt(SHIPPED)
        assert await refresh(refresher, noting)
        assert await warehouse.rows(STANDING) == []
    finally:
        await warehouse.close()
