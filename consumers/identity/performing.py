"""Perform a request on tables that nobody else refreshes meanwhile: facts change, what hangs on them is derived again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from consumers.again import NoSuchPlace, load_missing
from consumers.identity.erasing import erase_derived, erase_facts, forget_mutations, never_again, note
from consumers.identity.erasure import Erasure, keep, plan, unfinished
from consumers.identity.known import has_site, others_who_own
from consumers.identity.requests import Done, Erase, Request, Reread, Unlink
from consumers.identity.unlinking import unlink
from consumers.refresh.refresher import Refresher
from consumers.warehouse.contract import Warehouse
from eventlog.contract import Log


def _nobody_told(asked: Erase, erasure: Erasure) -> str:
    if not erasure.nobody:
        return ""
    unknown = f"Nobody is known by {' or '.join(erasure.nobody)} at site {asked.site}"
    if len(erasure.nobody) == len(asked.persons):
        return f"{unknown}; nothing to erase."
    return f"{len(erasure.places):,} events removed. {unknown}."


class Performer:
    """Performs requests one at a time."""

    def __init__(
        self, warehouse: Warehouse, refresher: Refresher, clock_us: Callable[[], int], log: Log | None = None
    ) -> None:
        """`log` is what may be asked to be read again."""
        self._warehouse, self._refresher, self._clock_us, self._log = warehouse, refresher, clock_us, log

    async def perform(self, asked: Request) -> Done:
        """Do it; the tables are as if it had always been so when this returns."""
        if not isinstance(asked, Reread) and not asked.listed and not await has_site(self._warehouse, asked.site):
            return Done(error=f"There is no site {asked.site}.", hint="See `netiv sites list`.")
        if isinstance(asked, Unlink):
            done, keys = await unlink(self._warehouse, asked, self._clock_us() // 1_000)
            await self._refresh(keys)
            return done
        return await (self._reread(asked) if isinstance(asked, Reread) else self._remove(asked))

    async def _reread(self, asked: Reread) -> Done:
        if self._log is None:
            return Done(error="There is no log here to read again.")
        try:
            done = await load_missing(self._log, self._warehouse, self._refresher, asked, asyncio.sleep)
        except NoSuchPlace as error:
            return Done(error=str(error), hint=error.hint)
        await self._refresh(())
        if not done.lacking:
            return Done(done.facts)
        return Done(
            done.facts,
            hint=f"{done.facts:,} facts loaded that the tables had missed. Before offset {done.kept_from}, where what the log keeps of "
            f"partition {asked.partition} begins, {done.lacking:,} places are in no table: events that are gone, or what leaves no row "
            "(erased, mended).",
        )

    async def _remove(self, asked: Erase) -> Done:
        """Who is known by nothing is erased all the same: what is left of somebody may be in derived rows alone. An identifier
        that is somebody else's is refused, because that person would stay."""
        await self.resume()
        erasure = await plan(self._warehouse, asked)
        for person in erasure.nobody:
            if owners := await others_who_own(self._warehouse, asked.site, person):
                hint = f"It belongs, or belonged, to {', '.join(owners)}."
                return Done(error=f"{asked.site} knows nobody called {person}.", hint=hint)
        await keep(self._warehouse, erasure)
        await self._erase(erasure)
        return Done(len(erasure.places), hint=_nobody_told(asked, erasure))

    async def resume(self) -> None:
        """Bring erasures that were cut short to their end."""
        for erasure in await unfinished(self._warehouse):
            await self._erase(erasure)

    async def _erase(self, erasure: Erasure) -> None:
        """Every step can be repeated."""
        await never_again(self._warehouse, erasure)
        await erase_facts(self._warehouse, erasure)
        version = await self._refresher.take_version()
        await self._refresher.mark_persons({(erasure.site, person) for person in erasure.persons})
        await self._refresh(erasure.keys)
        await erase_derived(self._warehouse, erasure, version)
        await self._refresher.forget()
        await forget_mutations(self._warehouse, erasure)
        await note(self._warehouse, erasure, self._clock_us() // 1_000)

    async def _refresh(self, keys: Collection[tuple[str, str]]) -> None:
        await self._refresher.mark([(site, key, 0) for site, key in keys])
        self._refresher.aside.hurry()  # what is set aside may be of these
        cycle = self._refresher.turn()
        await self._refresher.refresh(cycle)
        await self._refresher.clear(cycle)
