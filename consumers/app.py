"""Composition root of the consumers: opens log and warehouse, brings the tables up to date, serves BI tools, consumes.

The only file here that knows the clock, the signals and the settings.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from functools import lru_cache

import iptocc
import structlog

from consumers.control import serve_control
from consumers.enrich.agent import agent_parser
from consumers.enrich.steps import Lookups
from consumers.identity.performing import Performer
from consumers.load import Loader
from consumers.loop import GROUP, Loop, Pace
from consumers.name import claim_name
from consumers.opening import UNKNOWN_TABLE, Stopped, again_and_again, is_shared, open_log, require_tables
from consumers.refresh.refresher import Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.desk import Desk
from consumers.rules.files import Rules, version_of
from consumers.rules.in_force import in_force
from consumers.rules.takeover import Takeover, published_rules
from consumers.tables import prepare_tables, published_version
from consumers.warehouse.contract import Warehouse, WarehouseError
from consumers.warehouse.embedded import EmbeddedWarehouse
from consumers.warehouse.front import create_front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front
from consumers.warehouse.opening import open_warehouse
from eventlog.contract import Log, LogError
from schemas.settings import Settings

RETAIN_EVERY_S = 60.0


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


def make_lookups() -> Lookups:
    """What enrichment looks things up in."""

    @lru_cache(50_000)
    def country(address: str) -> str:
        try:
            return iptocc.country_code(address) or ""
        except ValueError:
            return ""

    return Lookups(agent_parser(), country)


def make_loop(
    log: Log, warehouse: Warehouse, rules: Rules, settings: Settings, name: str = ""
) -> tuple[Loop, Refresher]:
    """A consumer and its refresher; `name` when other consumers share the tables."""
    scratch = f"{warehouse.database}_scratch"
    refresher: Refresher
    if name:
        refresher = SharedRefresher(warehouse, rules, f"{scratch}_{name}", warehouse.database, now_us)
    else:
        refresher = Refresher(warehouse, rules, scratch, warehouse.database, now_us)
    pace = Pace(settings.batch_records_max, settings.batch_bytes_max, settings.batch_records_max * 20)
    return Loop(log, Loader(warehouse, asyncio.sleep), refresher, make_lookups(), pace), refresher


def serve(settings: Settings) -> int:
    """Run the consumers until SIGTERM or SIGINT; 0 after a clean stop."""
    try:
        return asyncio.run(_serve(settings))
    except (WarehouseError, LogError) as error:
        structlog.get_logger("netiv.consumer").error("stopped", reason=str(error), hint=getattr(error, "hint", ""))
        return 1


def migrate(settings: Settings) -> list[str]:
    """Create or upgrade the tables; the names of the migrations applied now."""
    return asyncio.run(_migrate(settings))


async def _migrate(settings: Settings) -> list[str]:
    if settings.kafka:
        await (await open_log(settings)).close()
    warehouse = await open_warehouse(settings)
    try:
        return await prepare_tables(warehouse, in_force(settings))
    finally:
        await warehouse.close()


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if not is_shared(settings):
        await _serve_once(settings, stop, "")
        return 0
    name = claim_name(settings.data / "consumers", settings.consumer)
    try:
        await again_and_again(lambda: _serve_once(settings, stop, name.text), stop)
    except Stopped:
        pass  # asked to stop while it waited: nothing was in hand
    finally:
        name.close()
    return 0


async def _serve_once(settings: Settings, stop: asyncio.Event, name: str) -> None:
    rules = in_force(settings)
    warehouse = await open_warehouse(settings)
    try:
        # Where consumers share tables, one `netiv migrate` makes them, not several processes at once.
        if name:
            await require_tables(warehouse)
            rules = await published_rules(warehouse, rules)
        else:
            await tell_changed_rules(warehouse, rules)
            await prepare_tables(warehouse, rules)
        log = await open_log(settings)
        try:
            loop, refresher = make_loop(log, warehouse, rules, settings, name)
            await refresher.prepare()
            if name:
                loop.before_refresh = Takeover(warehouse, refresher, rules)
            performer = Performer(warehouse, refresher, now_us)
            desk = Desk(settings, warehouse, loop, refresher, now_us)
            async with serve_control(settings.data, lambda asked: desk.perform(asked, performer)):
                await _run(settings, log, warehouse, loop, stop)
        finally:
            await log.close()
    finally:
        await warehouse.close()


async def tell_changed_rules(warehouse: Warehouse, rules: Rules) -> None:
    """Say so when history was derived under other rules than these."""
    try:
        before = await published_version(warehouse)
    except WarehouseError as error:
        if error.code != UNKNOWN_TABLE:
            raise
        return
    if before not in (None, version_of(rules)):
        structlog.get_logger("netiv.rules").warning(
            "rules_changed", hint="run `netiv rebuild` to derive history under them"
        )


async def _run(settings: Settings, log: Log, warehouse: Warehouse, loop: Loop, stop: asyncio.Event) -> None:
    # Start-up objects live for ever; the collector of garbage need not look at them again.
    gc.freeze()
    async with asyncio.TaskGroup() as tasks:
        side = [tasks.create_task(_retain(log, settings))]
        if isinstance(warehouse, EmbeddedWarehouse):
            side.append(tasks.create_task(_serve_front(settings, warehouse)))
        await loop.run(stop)
        for task in side:
            task.cancel()


async def _retain(log: Log, settings: Settings) -> None:
    while True:
        await asyncio.sleep(RETAIN_EVERY_S)
        await log.retain(settings.log_age_max_s, settings.log_bytes_max, [GROUP])


async def _serve_front(settings: Settings, warehouse: EmbeddedWarehouse) -> None:
    access = FrontAccess(user=settings.clickhouse_user, password=settings.clickhouse_password)
    async with serve_front(create_front(warehouse, access), settings.host, settings.clickhouse_port):
        await asyncio.Event().wait()
