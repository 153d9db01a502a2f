"""What waits for an answer, all for the same time at most: given up together by one timer, where a time-out of its own would cost
each append more than the append. Belongs to one event loop; knows no log."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Waiting = TypeVar("Waiting", bound=Hashable)


class Deadlines(Generic[Waiting]):
    """Gives up whatever was added longer than `wait_s` ago and not dropped since, at most `every_s` late.

    `give_up` is to drop it."""

    def __init__(self, wait_s: float, every_s: float, give_up: Callable[[Waiting], None]) -> None:
        self._wait_s = wait_s
        self._every_s = every_s
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._due: dict[Waiting, float] = {}  # the loop's time; all wait equally long, so the oldest is due first
        self._timer: asyncio.TimerHandle | None = None

    def add(self, one: Waiting) -> None:
        """It waits from now on."""
        self._due[one] = self._loop.time() + self._wait_s
        if self._timer is None:
            self._timer = self._loop.call_later(self._every_s, self._sweep)

    def drop(self, one: Waiting) -> None:
        """It waits no more."""
        self._due.pop(one, None)

    def close(self) -> None:
        """Give up nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        now = self._loop.time()
        for one, _ in list(itertools.takewhile(lambda entry: entry[1] <= now, self._due.items())):
            self._give_up(one)
        self._timer = self._loop.call_later(self._every_s, self._sweep) if self._due else None
