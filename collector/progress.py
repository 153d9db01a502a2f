"""How far the tables are behind the log, from what the log knows; and what became of a receipt. No HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from collector.receipts import Run, below
from eventlog.contract import Log, LogUnavailable
from schemas.progress import GROUP, LOADED

# A log that is away goes on trying for longer than anybody waits who asks for figures (Prometheus: 10 s, for all of them).
ANSWER_S: Final = 4.0
_SUMMED: Final = ("acknowledged", "loaded", "derived", "lag_events")


@asynccontextmanager
async def _soon() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except TimeoutError:
        raise LogUnavailable("The log does not answer in time") from None


async def lag(log: Log, now_ms: int) -> dict[str, Any]:
    """`{"acknowledged","loaded","derived","lag_events","lag_s"}` in sum, and so for each of `partitions`. Raises `LogError`."""
    async with _soon():
        ends, loaded, derived, oldest = await asyncio.gather(
            log.ends(), log.committed(LOADED), log.committed(GROUP), log.oldest_unread_at(GROUP)
        )
    partitions: dict[str, dict[str, float]] = {}
    for partition, end in sorted(ends.items()):
        done = derived.get(partition, 0)
        waiting_s = max(0, now_ms - oldest.get(partition, now_ms)) / 1000 if done < end else 0.0
        partitions[str(partition)] = {
            "acknowledged": end,
            "loaded": loaded.get(partition, 0),
            "derived": done,
            "lag_events": max(0, end - done),
            "lag_s": waiting_s,
        }
    figures = partitions.values()
    total = {name: sum(each[name] for each in figures) for name in _SUMMED}
    return {**total, "lag_s": max((each["lag_s"] for each in figures), default=0.0), "partitions": partitions}


async def state_of(log: Log, runs: Sequence[Run]) -> dict[str, bool] | None:
    """Whether every record of a receipt is stored, loaded and derived; None for records this log never had. Raises `LogError`."""
    async with _soon():
        ends, loaded, derived = await asyncio.gather(log.ends(), log.committed(LOADED), log.committed(GROUP))
    if not below(runs, log.generation, ends):
        return None
    return {
        "stored": True,
        "loaded": below(runs, log.generation, loaded),
        "derived": below(runs, log.generation, derived),
    }
