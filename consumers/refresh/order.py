"""What a refresh derives and writes after what, and how it goes on: each step as soon as what it needs is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

from consumers.refresh.replacing import (
    CONVERSION_EVENTS,
    CONVERSION_PATHS,
    IDENTITIES,
    OPEN_PATHS,
    SESSIONS,
    STAGE_EVENTS,
    TOUCHPOINTS,
)

Work = Callable[[], Coroutine[Any, Any, None]]
# Files of derive/ for subjects, and after which.
BY_SUBJECT: Final = {
    "20_identities": (),
    "30_sessions": ("20_identities",),
    "15_dirty_before": (),
    "34_persons": (),
    "35_touches": ("34_persons",),
    "45_stage_events": ("34_persons",),
    "37_combinations": ("30_sessions", "35_touches"),
    "38_sources": ("37_combinations",),
    "39_sessions": ("38_sources",),
    "40_touchpoints": ("39_sessions",),
    "50_conversion_events": ("34_persons", "39_sessions"),
    "55_dirty_after": ("40_touchpoints", "45_stage_events", "50_conversion_events"),
}
# What the statements of 70_paths fill.
PATHS: Final = (CONVERSION_PATHS, OPEN_PATHS)
# A table is written when who was touched by what it holds so far is known.
WRITTEN_AFTER: Final = {
    IDENTITIES: ("20_identities", "15_dirty_before"),
    SESSIONS: ("39_sessions", "15_dirty_before"),
    TOUCHPOINTS: ("40_touchpoints", "15_dirty_before"),
    STAGE_EVENTS: ("45_stage_events", "15_dirty_before"),
    CONVERSION_EVENTS: ("50_conversion_events", "15_dirty_before"),
}


async def at_once(works: Iterable[Awaitable[None]]) -> None:
    """All of them; none is left running when another fails."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def in_order(works: Mapping[str, tuple[Work, Sequence[str]]]) -> None:
    """Each of (work, names of works before it) as soon as it can; what comes after one that fails is not begun."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def run(work: Work, before: Sequence[str]) -> None:
        for name in before:
            await tasks[name]
        await work()

    for name, (work, before) in works.items():
        tasks[name] = asyncio.create_task(run(work, before))
    await at_once(tasks.values())
