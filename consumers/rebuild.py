"""Re-derive everything from facts under the present rules, beside the tables in use, then swap.

Readers see the old tables or the new ones, table by table, never half of one. What the stream derives meanwhile is
derived once more into the new tables before the swap; the caller holds the stream still for that last part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from consumers.refresh.refresher import Progress, Refresher
from consumers.rules.files import Rules
from consumers.warehouse.contract import Warehouse

TABLES: Final = (
    "event_duplicates", "identities", "sessions", "touchpoints", "conversion_events", "conversions", "person_subjects",
    "conversion_paths", "open_paths",
)  # fmt: skip


async def rebuild(
    warehouse: Warehouse, rules: Rules, clock_us: Callable[[], int], progress: Progress | None = None
) -> int:
    """Rebuild all derived tables; the number of subjects. Nothing else may refresh meanwhile."""
    beside = f"{warehouse.database}_next"
    await warehouse.command(f"DROP DATABASE IF EXISTS {beside}")
    await warehouse.command(f"DROP DATABASE IF EXISTS {beside}_scratch")
    await warehouse.command(f"CREATE DATABASE {beside}")
    for table in TABLES:
        await warehouse.command(f"CREATE TABLE {beside}.{table} AS {table}")
    refresher = Refresher(warehouse, rules, f"{beside}_scratch", beside, clock_us)
    await refresher.prepare()
    await refresher.mark_where("1")
    subjects = await refresher.refresh(refresher.turn(), progress)
    for table in TABLES:
        await warehouse.command(f"EXCHANGE TABLES {table} AND {beside}.{table}")
    await warehouse.command(f"DROP DATABASE {beside}")
    await warehouse.command(f"DROP DATABASE {beside}_scratch")
    return subjects
