"""Who has which partitions now. A rebalance waits (for a while) until the caller has let go of what it was given.

That wait is what keeps two consumers from inserting the same records: partitions go to others only after the batch in
flight is in the tables or was abandoned. A caller lets go by asking for its assignment again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol

from aiokafka import ConsumerRebalanceListener


class HasPartition(Protocol):
    """A topic and a partition of it."""

    @property
    def partition(self) -> int: ...


class Turns(ConsumerRebalanceListener):  # type: ignore[misc]
    """The listener of one consumer client."""

    def __init__(self, release_s: float) -> None:
        self.number = 0
        self.partitions: frozenset[int] = frozenset()
        self._release_s = release_s
        self._settled = asyncio.Event()
        self._released = asyncio.Event()
        self._released.set()

    @property
    def settled(self) -> bool:
        """No rebalance is under way."""
        return self._settled.is_set()

    def hold(self) -> None:
        """The caller works with partitions of the current turn."""
        if self.settled:
            self._released.clear()

    def release(self) -> None:
        """The caller has let go of everything of earlier turns."""
        self._released.set()

    async def wait(self) -> tuple[int, frozenset[int]]:
        """The current turn; waits while partitions are being dealt."""
        await self._settled.wait()
        return self.number, self.partitions

    async def on_partitions_revoked(self, revoked: Collection[HasPartition]) -> None:
        """A rebalance begins; the group goes on when this returns. Heartbeats go on meanwhile."""
        if revoked or self.settled:
            self.number += 1
        self._settled.clear()
        try:
            async with asyncio.timeout(self._release_s):
                await self._released.wait()
        except TimeoutError:
            pass  # the caller hangs; the group must not

    async def on_partitions_assigned(self, assigned: Collection[HasPartition]) -> None:
        """A rebalance ended."""
        self.number += 1
        self.partitions = frozenset(each.partition for each in assigned)
        self._settled.set()
