"""Composition root of `netiv unlink`, `erase` and `replay --from-offset`: running consumers are asked; else the tables are
opened here."""

from __future__ import annotations

import asyncio

from consumers.app import make_loop
from consumers.clock import now_us
from consumers.control import Asking, ask
from consumers.identity.performing import Performer
from consumers.identity.requests import Done, Request, Reread
from consumers.opening import is_shared, open_log, require_tables
from consumers.refresh.refresher import Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.files import Rules
from consumers.rules.in_force import in_force
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.opening import open_warehouse
from schemas.settings import Settings


def asked_of_running(settings: Settings, request: Asking) -> Done | None:
    """What running consumers that have the tables to themselves did; None when there are none."""
    return None if is_shared(settings) else asyncio.run(ask(settings.data, request))


def perform(settings: Settings, request: Request) -> Done:
    """Do it here. Where consumers don't share the tables, the caller holds the lock of the data folder."""
    return asyncio.run(_perform(settings, request))


async def _catch_up(settings: Settings, warehouse: Warehouse, rules: Rules) -> None:
    """Take in what the log holds: what was acknowledged before the request is part of what it is about."""
    log = await open_log(settings)
    try:
        loop, refresher = make_loop(log, warehouse, rules, settings)
        await refresher.prepare()
        stop = asyncio.Event()
        stop.set()
        await loop.run(stop)
    finally:
        await log.close()


async def _perform(settings: Settings, request: Request) -> Done:
    rules = in_force(settings)
    warehouse = await open_warehouse(settings)
    try:
        shared = bool(settings.clickhouse)
        await (require_tables(warehouse) if shared else prepare_tables(warehouse, rules))
        kind = SharedRefresher if shared else Refresher
        refresher = kind(warehouse, rules, f"{warehouse.database}_scratch_admin", warehouse.database, now_us)
        await refresher.prepare()
        if not settings.kafka and (settings.data / "log").is_dir():
            await _catch_up(settings, warehouse, rules)
        if not isinstance(request, Reread):
            return await Performer(warehouse, refresher, now_us).perform(request)
        log = await open_log(settings)
        try:
            return await Performer(warehouse, refresher, now_us, log).perform(request)
        finally:
            await log.close()
    finally:
        await warehouse.close()
