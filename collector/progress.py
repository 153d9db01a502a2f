"""How far the tables are behind the log, from what the log knows; and what became of a receipt. No HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from collector.receipts import Run, below
from eventlog.contract import Log, LogUnavailable
from schemas.progress import GROUP, LOADED

# A log that is away goes on trying for longer than anybody waits who asks for figures (Prometheus: 10 s, for all of them).
ANSWER_S: Final = 4.0


@asynccontextmanager
async def _soon() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except TimeoutError:
        raise LogUnavailable("The log does not answer in time") from None


async def lag(log: Log, now_ms: int) -> dict[str, Any]:
    """`{"acknowledged","loaded","derived","lag_events","lag_s","partitions":{…}}`: in sum, per partition. Raises `LogError`."""
    async with _soon():
        ends, loaded, derived, oldest = await asyncio.gather(
            log.ends(), log.committed(LOADED), log.committed(GROUP), log.oldest_unread_at(GROUP)
        )
    partitions = {
        str(partition): _figures(end, loaded.get(partition, 0), derived.get(partition, 0))
        for partition, end in sorted(ends.items())
    }
    total = _figures(sum(ends.values()), _sum(loaded, ends), _sum(derived, ends))
    total["lag_events"] = sum(each["lag_events"] for each in partitions.values())
    waiting = total["lag_events"] > 0 and oldest is not None
    age_s = max(0, now_ms - (oldest or now_ms)) / 1000 if waiting else 0.0
    return {**total, "lag_s": age_s, "partitions": partitions}


def _figures(end: int, loaded: int, derived: int) -> dict[str, int]:
    return {"acknowledged": end, "loaded": loaded, "derived": derived, "lag_events": max(0, end - derived)}


def _sum(offsets: Mapping[int, int], ends: Mapping[int, int]) -> int:
    return sum(offsets.get(partition, 0) for partition in ends)


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
