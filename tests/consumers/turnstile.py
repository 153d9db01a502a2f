"""Lets several tasks through one warehouse statement at a time, in an order that a seed decides."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from consumers.warehouse.contract import Warehouse
from consumers.warehouse.passing import PassingWarehouse


class Turnstile:
    """Runs tasks side by side; each of their statements waits until it is let through."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._waiting: dict[str, asyncio.Event] = {}
        self._arrived = asyncio.Event()

    def door(self, name: str, warehouse: Warehouse) -> Warehouse:
        """The warehouse as one task sees it."""
        return Door(name, warehouse, self)

    async def wait(self, name: str) -> None:
        """Until this task may run one statement."""
        gate = self._waiting[name] = asyncio.Event()
        self._arrived.set()
        await gate.wait()

    async def run(self, tasks: dict[str, Coroutine[Any, Any, Any]]) -> None:
        """All of them to their ends. One stays in front for a while: overtaking needs runs, not a fair coin."""
        running = {name: asyncio.create_task(work) for name, work in tasks.items()}
        for task in running.values():
            task.add_done_callback(lambda _: self._arrived.set())
        favourite = self._chance.choice(sorted(running))
        try:
            while any(not task.done() for task in running.values()):
                self._arrived.clear()
                live = {name for name, task in running.items() if not task.done()}
                if not live <= self._waiting.keys():
                    await self._arrived.wait()
                    continue
                if not live:
                    break
                if favourite not in live or self._chance.random() < 0.1:
                    favourite = self._chance.choice(sorted(live))
                self._waiting.pop(favourite).set()
            for task in running.values():
                task.result()
        finally:
            for task in running.values():
                task.cancel()


class Door(PassingWarehouse):
    """Every statement waits for its turn, and keeps it until its answer is there."""

    def __init__(self, name: str, warehouse: Warehouse, turnstile: Turnstile) -> None:
        super().__init__(warehouse)
        self._name, self._turnstile = name, turnstile
        # statements that a consumer has under way at once pass one after another
        self._one = asyncio.Lock()

    async def insert(self, *arguments: Any) -> None:
        async with self._one:
            await self._turnstile.wait(self._name)
            await super().insert(*arguments)

    async def insert_block(self, *arguments: Any) -> None:
        async with self._one:
            await self._turnstile.wait(self._name)
            await super().insert_block(*arguments)

    async def command(self, *arguments: Any) -> None:
        async with self._one:
            await self._turnstile.wait(self._name)
            await super().command(*arguments)

    async def rows(self, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self._one:
            await self._turnstile.wait(self._name)
            return await super().rows(*arguments)
