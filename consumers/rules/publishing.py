"""Rules of a folder tried, or put in force, by this process: composition root of `netiv rules diff|publish` and `netiv rebuild`.

Where no consumers run that have the tables to themselves. On a server others may go on; see `after_others`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from consumers.clock import now_us
from consumers.identity.requests import Done
from consumers.rebuild import Successor
from consumers.refresh.refresher import Progress, Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.desk import ROUNDS_MAX, put_in_force
from consumers.rules.difference import Difference, difference
from consumers.rules.files import Rules, version_of
from consumers.rules.in_force import in_force
from consumers.rules.install import install
from consumers.rules.since import Since
from consumers.rules.takeover import published_rules
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.opening import open_warehouse
from schemas.settings import Settings

SETTLED_S: Final = 5.0
# By which a row that another consumer derived is known to be under other rules.
TABLES_BY_SUBJECT: Final = ("sessions", "touchpoints", "conversion_events", "stage_events")


def difference_of(settings: Settings, folder: Path, progress: Progress | None = None) -> Difference:
    """What the rules of a folder would change."""
    return asyncio.run(_difference(settings, folder, progress))


def publish(settings: Settings, folder: Path | None, progress: Progress | None = None) -> Done:
    """Put the rules of a folder (None: those in force) in force and re-derive everything; how many subjects, and what is set aside."""
    return asyncio.run(_publish(settings, folder, progress))


def rederive(settings: Settings, since_ms: int, progress: Progress | None = None) -> Done:
    """Derive again, in place, whoever has facts since a moment; how many subjects, and what is set aside."""
    return asyncio.run(_rederive(settings, since_ms, progress))


async def _rederive(settings: Settings, since_ms: int, progress: Progress | None) -> Done:
    warehouse = await open_warehouse(settings)
    try:
        kind, rules = (
            (SharedRefresher, await published_rules(warehouse, in_force(settings)))
            if settings.clickhouse
            else (Refresher, in_force(settings))
        )
        if not settings.clickhouse:
            await prepare_tables(warehouse, rules)
        refresher = kind(warehouse, rules, f"{warehouse.database}_scratch_rebuild", warehouse.database, now_us)
        await refresher.prepare()
        await refresher.mark_where(f"ts >= fromUnixTimestamp64Milli(toInt64({since_ms}))")
        refresher.aside.hurry()
        cycle = refresher.turn()
        subjects = await refresher.refresh(cycle, progress)
        await refresher.clear(cycle)
        return Done(subjects, aside=len(refresher.aside.entries))
    finally:
        await warehouse.close()


async def _difference(settings: Settings, folder: Path, progress: Progress | None) -> Difference:
    warehouse = await open_warehouse(settings)
    try:
        if not settings.clickhouse:
            await prepare_tables(warehouse, in_force(settings))
        return await difference(warehouse, in_force(settings, folder), now_us, progress)
    finally:
        await warehouse.close()


async def _publish(settings: Settings, folder: Path | None, progress: Progress | None) -> Done:
    rules = in_force(settings, folder)
    warehouse = await open_warehouse(settings)
    try:
        if not settings.clickhouse:
            await prepare_tables(warehouse, in_force(settings))
        successor = Successor(warehouse, rules, f"{warehouse.database}_next", now_us)
        since = await Since.now(warehouse)
        await successor.begin()
        try:
            subjects = await successor.catch_up(progress)
            if settings.clickhouse:
                await catch_up_with_others(warehouse, successor, since)
            if folder:
                install(folder, settings.rules_folder)
            await put_in_force(warehouse, successor, rules)
            if settings.clickhouse:
                await after_others(warehouse, rules, since)
        finally:
            await successor.discard()
        return Done(subjects, aside=len(successor.aside.entries))
    finally:
        await warehouse.close()


async def catch_up_with_others(warehouse: Warehouse, successor: Successor, since: Since) -> None:
    """What consumers loaded meanwhile, until it is little."""
    for _ in range(ROUNDS_MAX):
        condition = await since.condition(warehouse)
        if not condition:
            return
        await successor.mark_where(condition)
        await successor.catch_up()


async def after_others(warehouse: Warehouse, rules: Rules, since: Since, settled_s: float = SETTLED_S) -> None:
    """Consumers take the new rules over before their next refresh. What came since the last look, and what a refresh still under the
    old rules wrote, is derived again, until nothing is left and nothing new appeared for a while."""
    refresher = SharedRefresher(warehouse, rules, f"{warehouse.database}_scratch_publish", warehouse.database, now_us)
    await refresher.prepare()
    if condition := await since.condition(warehouse):
        await refresher.mark_where(condition)
    version, settled = version_of(rules), False
    while not settled:
        await asyncio.sleep(settled_s)
        found = 0
        for table in TABLES_BY_SUBJECT:
            rows = await warehouse.rows(
                f"SELECT DISTINCT site, subject FROM {table} FINAL WHERE rules_version != {{version:UInt64}} "
                "AND (site, subject) NOT IN (SELECT site, key FROM set_aside WHERE kind = 'subject')",
                {"version": version},
            )
            found += len(rows)
            await refresher.mark([(str(site), str(subject), 0) for site, subject in rows])
        cycle = refresher.turn()
        settled = await refresher.refresh(cycle) == 0 and not found
        await refresher.clear(cycle)
