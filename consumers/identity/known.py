"""Who and what the tables know: asked before a request that finds nothing would be reported as done."""

from __future__ import annotations

from typing import Final

from consumers.warehouse.contract import Warehouse

# Whose an identifier is or was, by its text.
OWNERS: Final = """
SELECT arrayJoin(arrayFilter(o -> o != '', arrayPushBack(owners, device_group))) AS owner FROM identities FINAL
WHERE site = {site:String} AND concat(id_type, ':', id_value) = {person:String} GROUP BY owner ORDER BY owner LIMIT 5"""
# A site that the sites file does not have: it may be elsewhere, and a site that was taken out of it still has its tables.
SITE: Final = " UNION ALL ".join(
    f"SELECT 1 FROM (SELECT 1 FROM {table} WHERE site = {{site:String}} LIMIT 1)"
    for table in ("events", "identity_links", "bad_events", "ad_costs")
)


async def has_site(warehouse: Warehouse, site: str) -> bool:
    """Whether there is anything of this site."""
    return bool(await warehouse.rows(SITE, {"site": site}))


async def others_who_own(warehouse: Warehouse, site: str, person: str) -> list[str]:
    """Who this identifier belongs, or belonged, to, where that is not a person of its own name."""
    rows = await warehouse.rows(OWNERS, {"site": site, "person": person})
    return [str(owner) for (owner,) in rows if owner != person]
