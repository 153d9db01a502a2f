"""How many requests one client address may send: each takes its turn in a minute, and may save up a minute's turns.

The generic cell rate algorithm: one number per address, no timer. Bounded: when too many addresses are known, those whose
turns are all back are forgotten, and if that is too few, all are.
"""

from __future__ import annotations

from typing import Final

MINUTE_MS: Final = 60_000
ADDRESSES_MAX: Final = 65_536


class Rate:
    """The turns of every address. `per_minute` is at least 1."""

    def __init__(self, per_minute: int, addresses_max: int = ADDRESSES_MAX) -> None:
        self._step_ms = MINUTE_MS / per_minute
        self._addresses_max = addresses_max
        self._due: dict[str, float] = {}  # when all turns of the address are back (epoch ms)

    def __len__(self) -> int:
        return len(self._due)

    def wait_ms(self, address: str, now_ms: int) -> float:
        """0 where the request may pass (its turn is taken), else how long until one may."""
        due = max(self._due.get(address, 0.0), now_ms)
        wait = due + self._step_ms - now_ms - MINUTE_MS
        if wait > 0:
            return wait
        if len(self._due) >= self._addresses_max:
            self._forget(now_ms)
        self._due[address] = due + self._step_ms
        return 0.0

    def _forget(self, now_ms: int) -> None:
        self._due = {address: due for address, due in self._due.items() if due > now_ms}
        if len(self._due) > self._addresses_max * 3 // 4:
            self._due = {}
