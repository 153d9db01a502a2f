"""Composition root of `netiv unlink`, `erase` and `replay --from-offset`: running consumers are asked; else the tables are
opened here."""

from __future__ import annotations

import asyncio
from typing import Final

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
from eventlog.contract import Log
from schemas.progress import GROUP, waiting
from schemas.settings import Settings

LOOK_S: Final = 0.25
# A consumer that died is noticed, and its place found, in less.
PATIENCE_S: Final = 60.0
BEHIND_HINT: Final = "Start the consumers, or look at their logs; then ask again."


def asked_of_running(settings: Settings, request: Asking) -> Done | None:
    """What running consumers that have the tables to themselves did; None when there are none."""
    return None if is_shared(settings) else asyncio.run(ask(settings.data, request))


def perform(settings: Settings, request: Request, patience_s: float = PATIENCE_S) -> Done:
    """Do it here. Where consumers don't share the tables, the caller holds the lock of the data folder; where they do, those
    that get nowhere for `patience_s` are told of."""
    return asyncio.run(_perform(settings, request, patience_s))


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


async def _others_caught_up(log: Log, patience_s: float) -> int:
    """Wait until running consumers have derived what is acknowledged by now: it is part of what is asked about. How many records
    still wait where they got nowhere for so long; 0 = none."""
    ends, before, still_s = await log.ends(), -1, 0.0
    while True:
        behind = waiting(ends, await log.committed(GROUP))
        still_s = still_s + LOOK_S if behind == before else 0.0
        if not behind or still_s >= patience_s:
            return behind
        before = behind
        await asyncio.sleep(LOOK_S)


async def _perform(settings: Settings, request: Request, patience_s: float) -> Done:
    rules = in_force(settings)
    warehouse = await open_warehouse(settings)
    try:
        on_server = bool(settings.clickhouse)  # where consumers may work beside
        await (require_tables(warehouse) if on_server else prepare_tables(warehouse, rules))
        kind = SharedRefresher if on_server else Refresher
        refresher = kind(warehouse, rules, f"{warehouse.database}_scratch_admin", warehouse.database, now_us)
        await refresher.prepare()
        if not is_shared(settings) and (settings.kafka or (settings.data / "log").is_dir()):
            await _catch_up(settings, warehouse, rules)
        if not (is_shared(settings) or isinstance(request, Reread)):
            return await Performer(warehouse, refresher, now_us).perform(request)
        log = await open_log(settings)
        try:
            if not isinstance(request, Reread) and (behind := await _others_caught_up(log, patience_s)):
                return Done(
                    error=f"The consumers are {behind:,} events behind, which may be of this person.", hint=BEHIND_HINT
                )
            return await Performer(warehouse, refresher, now_us, log).perform(request)
        finally:
            await log.close()
    finally:
        await warehouse.close()
