"""Hands what running consumers are asked for to who can do it. Rules are tried and published beside the stream, which goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from consumers.identity.performing import Performer
from consumers.identity.requests import Done, Request
from consumers.loop import Loop
from consumers.rebuild import Successor
from consumers.refresh.refresher import Progress, Refresher
from consumers.rules.difference import compare
from consumers.rules.files import Rules, RulesInvalid
from consumers.rules.in_force import in_force
from consumers.rules.install import install
from consumers.rules.requests import Far, HowFar, PublishRules, Rederive, RulesRequest, TryRules
from consumers.tables import make_views, publish_rules
from consumers.warehouse.contract import Warehouse
from schemas.settings import Settings

# Rounds of catching up beside the stream, before it is held still for the last one.
ROUNDS_MAX: Final = 5
FEW_SUBJECTS: Final = 500
# How long a query that is already running may keep the exchange waiting; new ones wait with it.
PATIENCE_S: Final = 2.0


class Desk:
    """One of running consumers. Does one thing about rules at a time."""

    def __init__(
        self, settings: Settings, warehouse: Warehouse, loop: Loop, refresher: Refresher, clock_us: Callable[[], int]
    ) -> None:
        self._settings, self._warehouse, self._loop, self._refresher = settings, warehouse, loop, refresher
        self._clock_us = clock_us
        self._busy = asyncio.Lock()
        self._far = Far(0, 0)
        self._events = structlog.get_logger("netiv.rules")

    async def perform(self, asked: Request | RulesRequest, performer: Performer) -> Done:
        """Do it; the answer when it is done."""
        if isinstance(asked, HowFar):
            return Done(told=msgspec.json.encode(self._far).decode())
        if self._busy.locked():
            return Done(error="Rules are being tried or published just now: ask again when that is done.")
        if isinstance(asked, Rederive):
            condition = f"ts >= fromUnixTimestamp64Milli(toInt64({asked.since_ms}))"
            return await self._rederived(condition)
        if not isinstance(asked, TryRules | PublishRules):
            return await self._loop.between_refreshes(lambda: performer.perform(asked))
        async with self._busy:
            try:
                return await self._with_successor(asked)
            except RulesInvalid as error:
                return Done(error=str(error))
            finally:
                self._far = Far(0, 0)

    async def _rederived(self, condition: str) -> Done:
        async def mark() -> None:
            self._refresher.aside.hurry()
            await self._refresher.mark_where(condition)

        subjects = await self._loop.derived(mark)
        return Done(subjects, aside=len(self._refresher.aside.entries))

    async def _with_successor(self, asked: TryRules | PublishRules) -> Done:
        folder = Path(asked.folder) if asked.folder else None
        rules = await asyncio.to_thread(in_force, self._settings, folder)
        trying = isinstance(asked, TryRules)
        beside = f"{self._warehouse.database}_{'diff' if trying else 'next'}"
        successor = Successor(self._warehouse, rules, beside, self._clock_us)
        try:
            # From here on whatever is loaded is marked for both; what was loaded before is all marked.
            await self._loop.between_refreshes(lambda: self._begin(successor))
            subjects = await self._catch_up(successor, self._progress)
            for _ in range(ROUNDS_MAX):
                if await self._catch_up(successor) <= FEW_SUBJECTS:
                    break
            if trying:
                return await self._loop.between_refreshes(lambda: self._compared(successor, beside))
            await self._loop.between_refreshes(lambda: self._take_over(successor, rules, folder))
            return Done(subjects, aside=len(successor.aside.entries))
        finally:
            self._loop.unfollow(successor)
            await successor.discard()

    async def _catch_up(self, successor: Successor, progress: Progress | None = None) -> int:
        """Beside the stream: keys are marked before their facts are in the table, so the turn waits for those of a load under way."""
        return await successor.catch_up(progress, await self._loop.between_loads(successor.turn))

    def _progress(self, done: int, total: int) -> None:
        self._far = Far(done, total)

    async def _begin(self, successor: Successor) -> None:
        await successor.begin()
        self._loop.follow(successor)

    async def _compared(self, successor: Successor, beside: str) -> Done:
        await successor.catch_up()
        found = await compare(self._warehouse, beside)
        return Done(found.moved, told=msgspec.json.encode(found).decode())

    async def _take_over(self, successor: Successor, rules: Rules, folder: Path | None) -> None:
        held = time.perf_counter()
        await successor.catch_up()
        if folder:
            await asyncio.to_thread(install, folder, self._settings.rules_folder)
        shut = await put_in_force(self._warehouse, successor, rules)
        self._refresher.adopt(rules)
        self._events.info("published", readers_waited_s=shut, stream_held_s=round(time.perf_counter() - held, 3))


async def put_in_force(warehouse: Warehouse, successor: Successor, rules: Rules) -> float:
    """Exchange the tables, the rule tables and the views while no reader begins; for how many seconds that was."""
    async with warehouse.readers_wait(PATIENCE_S):
        begun = time.perf_counter()
        await successor.take_over()
        await publish_rules(warehouse, rules)
        await make_views(warehouse, rules)
        return round(time.perf_counter() - begun, 3)
