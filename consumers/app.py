"""Composition root of the consumers: opens log and warehouse, brings the tables up to date, serves BI tools, consumes.

The only file here that knows the clock, the signals and the settings.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import msgspec
import structlog
import uuid_utils

from consumers.again import load_lost
from consumers.clock import now_us
from consumers.control import serve_control
from consumers.fencing import Claimant, FencedLoader
from consumers.identity.erased import Erased
from consumers.identity.performing import Performer
from consumers.load import Loader
from consumers.lookups import make_lookups
from consumers.loop import Loop, Pace
from consumers.metrics import ConsumerMetrics
from consumers.metrics_serving import serve_metrics
from consumers.name import claim_name
from consumers.opening import Stopped, again_and_again, is_shared, open_log, require_tables
from consumers.preparer import Preparer
from consumers.refresh.refresher import Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.desk import Desk
from consumers.rules.files import Rules, version_of
from consumers.rules.in_force import in_force
from consumers.rules.takeover import Takeover, published_rules
from consumers.tables import prepare_tables, published_version
from consumers.tracing import TracedWarehouse
from consumers.warehouse.contract import UNKNOWN_TABLE, Warehouse, WarehouseError
from consumers.warehouse.embedded import EmbeddedWarehouse
from consumers.warehouse.front import create_front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front
from consumers.warehouse.opening import open_warehouse
from eventlog.contract import Log, LogError
from eventlog.tracing import Spans, open_spans
from schemas.progress import GROUP
from schemas.settings import Settings

RETAIN_EVERY_S = 60.0


class Role(msgspec.Struct, frozen=True):
    """Who a consumer is: its name, when others share the tables, and where its figures and traces go."""

    name: str = ""
    metrics: ConsumerMetrics = msgspec.field(default_factory=ConsumerMetrics)
    spans: Spans = msgspec.field(default_factory=Spans)


def make_loop(
    log: Log, warehouse: Warehouse, rules: Rules, settings: Settings, role: Role | None = None
) -> tuple[Loop, Refresher]:
    """A consumer and its refresher."""
    role = role or Role()
    name, metrics = role.name, role.metrics
    embedded = isinstance(warehouse, EmbeddedWarehouse)
    if role.spans.on:
        warehouse = TracedWarehouse(warehouse, role.spans)
    scratch = f"{warehouse.database}_scratch"
    refresher: Refresher
    if name:
        refresher = SharedRefresher(warehouse, rules, f"{scratch}_{name}", warehouse.database, now_us)
    else:
        refresher = Refresher(warehouse, rules, scratch, warehouse.database, now_us)
    pace = Pace(settings.batch_records_max, settings.batch_bytes_max, settings.batch_records_max * 20)
    if name:
        pace = msgspec.structs.replace(pace, drain_s=0.0)
    loader = Loader(warehouse, metrics.wait_for_warehouse)
    if not embedded:  # a server outlives its clients: their last insert may still run
        claimant = Claimant(f"{name}-{uuid_utils.uuid7()}", f"{scratch}_{name}" if name else scratch)
        loader = FencedLoader(warehouse, metrics.wait_for_warehouse, claimant)
    loop = Loop(log, loader, refresher, Preparer(make_lookups(), Erased(warehouse).packed), pace)
    loop.metrics, loop.spans = metrics, role.spans
    if not name:  # nobody else loads meanwhile
        loop.look_back = lambda *places: load_lost(log, warehouse, refresher, places, metrics.wait_for_warehouse)
    return loop, refresher


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
    with suppress(Stopped):  # asked to stop while it waited: nothing was in hand
        await _serve_shared(settings, stop) if is_shared(settings) else await _serve_alone(settings, stop)
    return 0


async def _serve_alone(settings: Settings, stop: asyncio.Event) -> None:
    role = Role(spans=open_spans(settings, "netiv-consumers"))
    with serve_metrics(settings, role.metrics), closing(role.spans):
        await _serve_once(settings, stop, role)


async def _serve_shared(settings: Settings, stop: asyncio.Event) -> None:
    name = claim_name(settings.data / "consumers", settings.consumer)
    role = Role(name.text, spans=open_spans(settings, "netiv-consumers"))
    try:
        with serve_metrics(settings, role.metrics), closing(role.spans):
            await again_and_again(lambda: _serve_once(settings, stop, role), stop, role.metrics.away)
    finally:
        name.close()


async def _serve_once(settings: Settings, stop: asyncio.Event, role: Role) -> None:
    rules = in_force(settings)
    warehouse = await open_warehouse(settings)
    try:
        # Where consumers share tables, one `netiv migrate` makes them, not several processes at once.
        if role.name:
            await require_tables(warehouse)
        else:
            await tell_changed_rules(warehouse, rules)
            await prepare_tables(warehouse, rules)

        async def consume() -> None:
            # Others, or this process before the brokers went away, may have put other rules in force.
            await _consume(settings, warehouse, await published_rules(warehouse, rules), role, stop)

        async with _open_to_readers(settings, warehouse):
            if settings.kafka and not role.name:  # brokers that are away take nobody's tables away
                await again_and_again(consume, stop, role.metrics.away)
            else:
                await consume()
    finally:
        await warehouse.close()


async def _consume(settings: Settings, warehouse: Warehouse, rules: Rules, role: Role, stop: asyncio.Event) -> None:
    log = await open_log(settings)
    try:
        loop, refresher = make_loop(log, warehouse, rules, settings, role)
        await refresher.prepare()
        if settings.clickhouse:  # others may publish rules there
            loop.before_refresh = Takeover(warehouse, refresher, rules)
        performer = Performer(warehouse, refresher, now_us, log)
        await performer.resume()
        desk = Desk(settings, warehouse, loop, refresher, now_us)
        async with serve_control(settings.data, lambda asked: desk.perform(asked, performer)):
            await _run(settings, log, loop, stop)
    finally:
        await log.close()


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


async def _run(settings: Settings, log: Log, loop: Loop, stop: asyncio.Event) -> None:
    # Start-up objects live for ever; the collector of garbage need not look at them again.
    gc.freeze()
    async with asyncio.TaskGroup() as tasks:
        retaining = tasks.create_task(retain(log, settings, loop.placed))
        await loop.run(stop)
        retaining.cancel()


async def retain(log: Log, settings: Settings, placed: asyncio.Event) -> None:
    """Keep the log within its limits, for ever. The first time as soon as the place in it is found: from then on a log that is full makes
    room by itself of what is committed. Not before: tables that went back need what the commits say is done with."""
    await placed.wait()
    while True:
        await log.retain(settings.log_age_max_s, settings.log_bytes_max, [GROUP])
        await asyncio.sleep(RETAIN_EVERY_S)


@asynccontextmanager
async def _open_to_readers(settings: Settings, warehouse: Warehouse) -> AsyncIterator[None]:
    """The embedded engine answers on its ClickHouse port; a server has its own."""
    if not isinstance(warehouse, EmbeddedWarehouse):
        yield
        return
    access = FrontAccess(user=settings.clickhouse_user, password=settings.clickhouse_password)
    async with serve_front(create_front(warehouse, access), settings.host, settings.clickhouse_port):
        yield
