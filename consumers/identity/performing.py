"""Perform a request on tables that nobody else refreshes meanwhile: facts change, what hangs on them is derived again."""

from __future__ import annotations

from collections.abc import Callable, Collection

from consumers.identity.erasing import erase_derived, erase_facts
from consumers.identity.requests import Done, Request, Unlink
from consumers.identity.unlinking import unlink
from consumers.refresh.refresher import Refresher
from consumers.warehouse.contract import Warehouse


class Performer:
    """Performs requests one at a time."""

    def __init__(self, warehouse: Warehouse, refresher: Refresher, clock_us: Callable[[], int]) -> None:
        self._warehouse, self._refresher, self._clock_us = warehouse, refresher, clock_us

    async def perform(self, asked: Request) -> Done:
        """Do it; the tables are as if it had always been so when this returns."""
        now_ms = self._clock_us() // 1_000
        if isinstance(asked, Unlink):
            done, keys = await unlink(self._warehouse, asked, now_ms)
            await self._refresh(keys)
            return done
        facts, keys, own = await erase_facts(self._warehouse, asked)
        await self._refresh(keys)
        return await erase_derived(self._warehouse, asked, own, facts, now_ms)

    async def _refresh(self, keys: Collection[tuple[str, str]]) -> None:
        await self._refresher.mark([(site, key, 0) for site, key in keys])
        cycle = self._refresher.turn()
        await self._refresher.refresh(cycle)
        await self._refresher.clear(cycle)
