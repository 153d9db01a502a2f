"""Rules of a folder tried, or put in force: composition root of `netiv rules diff` and `netiv rules publish`."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from consumers.rebuild import rebuild
from consumers.rules.difference import Difference, difference
from consumers.rules.files import NAMES, load
from consumers.tables import prepare_tables
from consumers.warehouse.opening import open_warehouse
from schemas.settings import Settings


def _now_us() -> int:
    return time.time_ns() // 1_000


def difference_of(settings: Settings, folder: Path) -> Difference:
    """What the rules of a folder would change."""
    return asyncio.run(_difference(settings, folder))


def publish(settings: Settings, folder: Path) -> int:
    """Put the rules of a folder in force and re-derive everything; the number of subjects."""
    return asyncio.run(_publish(settings, folder))


async def _difference(settings: Settings, folder: Path) -> Difference:
    warehouse = await open_warehouse(settings)
    try:
        await prepare_tables(warehouse, load(settings.rules_folder))
        return await difference(warehouse, load(folder), _now_us)
    finally:
        await warehouse.close()


async def _publish(settings: Settings, folder: Path) -> int:
    rules = load(folder)
    warehouse = await open_warehouse(settings)
    try:
        await prepare_tables(warehouse, load(settings.rules_folder))
        subjects = await rebuild(warehouse, rules, _now_us)
        await prepare_tables(warehouse, rules)
        install(folder, settings.rules_folder)
        return subjects
    finally:
        await warehouse.close()


def install(folder: Path, target: Path) -> None:
    """Copy the rule files, all at once: what the folder lacks is as shipped from now on."""
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in NAMES:
        if (folder / name).exists():
            shutil.copyfile(folder / name, fresh / name)
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    fresh.replace(target)
    shutil.rmtree(old, ignore_errors=True)
