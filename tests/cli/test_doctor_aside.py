"""`netiv doctor` names what is set aside, with the remedy; `netiv rebuild` ends with an error where anything is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from consumers.clock import now_us
from consumers.identity.requests import Done
from consumers.refresh.aside import Aside
from consumers.refresh.kinds import PERSON, SUBJECT
from consumers.rules.files import load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.front import create_front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front
from netiv import checks
from netiv.errors import CommandError
from netiv.rebuilding import require_all
from schemas.settings import Settings


@pytest.mark.anyio
async def test_the_doctor_names_it(tmp_path: Path) -> None:
    warehouse = await open_embedded(tmp_path / "warehouse")
    try:
        await prepare_tables(warehouse, load())
        aside = Aside(warehouse, "netiv", now_us)
        async with serve_front(create_front(warehouse, FrontAccess()), "127.0.0.1", 0) as port:
            settings = Settings(data=tmp_path, clickhouse_port=port)
            assert await asyncio.to_thread(checks.set_aside, settings) == []
            memory = WarehouseError("Code: 241. DB::Exception: … of 'anna@shop.example' (MEMORY_LIMIT_EXCEEDED)", 241)
            await aside.put(SUBJECT, "shop", "robot-7", memory, "30_sessions")
            odd = WarehouseError("Code: 69. DB::Exception: … (ARGUMENT_OUT_OF_BOUND)", 69)
            for number in range(6):
                await aside.put(PERSON, "shop", f"user_id:{number}", odd, "68_steps")
            found = await asyncio.to_thread(checks.set_aside, settings)
            kept = await warehouse.rows("SELECT toString(tuple(*)) FROM set_aside")
    finally:
        await warehouse.close()
    assert [finding.state for finding in found] == ["warn"] * 6
    assert "subject robot-7 of shop since" in found[0].detail
    assert "MEMORY_LIMIT_EXCEEDED in 30_sessions (code 241)" in found[0].detail
    assert "NETIV_ENGINE_MEMORY_MIB" in found[0].fix
    assert "netiv rebuild" in found[1].fix
    assert found[-1].detail == "and 2 more: the table set_aside has them"
    assert not [row for (row,) in kept if "anna" in row]


def test_a_rebuild_that_left_something_out_fails() -> None:
    require_all(Done(7))
    with pytest.raises(CommandError, match="2 keys could not be derived and are set aside") as raised:
        require_all(Done(7, aside=2))
    assert raised.value.code == 1
    assert "netiv doctor" in raised.value.hint
