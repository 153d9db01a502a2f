"""Re-derive everything from facts under the present rules, beside the tables in use, then swap.

Readers see the old tables or the new ones, table by table, never half of one. What the stream derives meanwhile is
derived once more into the new tables before the swap; the caller holds the stream still for that last part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from consumers.refresh.refresher import Progress, Refresher
from consumers.rules.files import Rules
from consumers.tables import insert_referrers
from consumers.warehouse.contract import Warehouse

TABLES: Final = (
    "event_duplicates", "identity_owners", "identity_quarantine",
    "identities", "sessions", "touchpoints", "stage_events", "conversion_events", "conversions", "person_subjects",
    "conversion_paths", "open_paths",
)  # fmt: skip


async def rebuild(
    warehouse: Warehouse, rules: Rules, clock_us: Callable[[], int], progress: Progress | None = None
) -> int:
    """Rebuild all derived tables; the number of subjects. Nothing else may refresh meanwhile."""
    beside = f"{warehouse.database}_next"
    subjects = await derive_beside(warehouse, rules, beside, clock_us, progress)
    for table in TABLES:
        await warehouse.command(f"EXCHANGE TABLES {table} AND {beside}.{table}")
    await discard(warehouse, beside)
    return subjects


async def derive_beside(
    warehouse: Warehouse, rules: Rules, beside: str, clock_us: Callable[[], int], progress: Progress | None = None
) -> int:
    """Derive everything under these rules into a database of its own, which nobody reads; the number of subjects."""
    await discard(warehouse, beside)
    await warehouse.command(f"CREATE DATABASE {beside}")
    for table in (*TABLES, "referrer_hosts"):
        await warehouse.command(f"CREATE TABLE {beside}.{table} AS {table}")
    await insert_referrers(warehouse, rules, f"{beside}.referrer_hosts")
    refresher = Refresher(warehouse, rules, f"{beside}_scratch", beside, clock_us)
    await refresher.prepare()
    await refresher.mark_where("1")
    return await refresher.refresh(refresher.turn(), progress)


async def discard(warehouse: Warehouse, beside: str) -> None:
    """Drop what `derive_beside` made."""
    await warehouse.command(f"DROP DATABASE IF EXISTS {beside}")
    await warehouse.command(f"DROP DATABASE IF EXISTS {beside}_scratch")
