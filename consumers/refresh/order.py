"""What a refresh derives and writes after what, and how it goes on: each step as soon as what it needs is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

from consumers.refresh.kinds import CONVERSION, PERSON, SUBJECT, Kind
from consumers.refresh.replacing import (
    CONVERSION_EVENTS,
    CONVERSION_PATHS,
    CONVERSIONS,
    IDENTITIES,
    OPEN_PATHS,
    SESSIONS,
    STAGE_EVENTS,
    TOUCH_SESSIONS,
    TOUCHPOINTS,
)

Work = Callable[[], Coroutine[Any, Any, None]]
Stage = dict[str, tuple[Work, Sequence[str]]]
"""Works and the names of works before each, which stand before it."""
Go = Callable[[Stage], Awaitable[None]]
# Steps by what they answer for, and after which others. A file of derive/ is a step, and so is the writing of a derived table
# (by its name), which waits until who was touched by what it holds so far is known.
SUBJECT_STEPS: Final[Mapping[str, Sequence[str]]] = {
    "20_identities": (),
    "30_sessions": ("20_identities",),
    "15_dirty_before": (),
    "34_persons": (),
    "35_touches": ("34_persons",),
    "36_reports": ("34_persons",),
    "45_stage_events": ("34_persons",),
    "37_combinations": ("30_sessions", "35_touches"),
    "38_sources": ("37_combinations",),
    "39_sessions": ("38_sources",),
    "40_touchpoints": ("39_sessions", "35_touches"),
    "50_conversion_events": ("36_reports", "39_sessions"),
    "55_person_subjects": ("40_touchpoints", "45_stage_events", "50_conversion_events"),
    "56_concerned_persons": ("40_touchpoints", "45_stage_events", "50_conversion_events", "15_dirty_before"),
    IDENTITIES.table: ("20_identities", "15_dirty_before"),
    SESSIONS.table: ("39_sessions", "15_dirty_before"),
    TOUCHPOINTS.table: ("40_touchpoints", "15_dirty_before"),
    STAGE_EVENTS.table: ("45_stage_events", "15_dirty_before"),
    CONVERSION_EVENTS.table: ("50_conversion_events", "15_dirty_before"),
}
CONVERSION_STEPS: Final[Mapping[str, Sequence[str]]] = {
    "58_concerned_conversions": ("56_concerned_persons",),
    "59_concerned_persons": ("58_concerned_conversions", CONVERSION_EVENTS.table),
    "60_chosen": ("58_concerned_conversions", CONVERSION_EVENTS.table),
    # Behind the touchpoints too, which it does not read: who sees a new conversion sees what led to it.
    CONVERSIONS.table: ("60_chosen", "59_concerned_persons", "55_person_subjects", SESSIONS.table, TOUCHPOINTS.table),
}
PERSON_STEPS: Final[Mapping[str, Sequence[str]]] = {
    "65_their_subjects": ("59_concerned_persons", "55_person_subjects"),
    "66_touch_sessions": ("65_their_subjects", TOUCHPOINTS.table, SESSIONS.table),
    TOUCH_SESSIONS.table: ("66_touch_sessions",),
    "68_steps": ("65_their_subjects", TOUCHPOINTS.table),
    "69_progress": ("65_their_subjects", TOUCHPOINTS.table, SESSIONS.table, STAGE_EVENTS.table),
    "69_pieces": ("68_steps", CONVERSIONS.table),
    CONVERSION_PATHS.table: ("69_pieces",),
    "71_open_paths": ("69_progress", CONVERSIONS.table),
    OPEN_PATHS.table: ("71_open_paths",),
}
# After this one there is about a quarter of the time to go, under load about what loading what has gathered takes.
MOST_IS_DONE: Final = "56_concerned_persons"
# Steps that are left out where what they begin with has no rows, together with the writing of what they would derive.
LEFT_OUT: Final = {
    "38_sources": ("combinations", ""),
    "60_chosen": ("concerned_conversions", CONVERSIONS.table),
    "69_pieces": ("steps WHERE length(steps) > {{steps_uncut_max}}", ""),
    "66_touch_sessions": ("their_subjects WHERE startsWith(subject, '~')", TOUCH_SESSIONS.table),
}
# Those that are left out where no rule has events that show a stage, and none ever had.
STAGE_STEPS: Final = ("45_stage_events", STAGE_EVENTS.table)
STEPS: Final = ((SUBJECT, SUBJECT_STEPS), (CONVERSION, CONVERSION_STEPS), (PERSON, PERSON_STEPS))
# The same where each stage is done for some of its keys at a time: finding the conversions goes with the subjects, of whom it tells.
_FINDS_CONVERSIONS: Final = "58_concerned_conversions"
CAREFUL_STEPS: Final[Mapping[Kind, Mapping[str, Sequence[str]]]] = {
    SUBJECT: {**SUBJECT_STEPS, _FINDS_CONVERSIONS: CONVERSION_STEPS[_FINDS_CONVERSIONS]},
    CONVERSION: {name: before for name, before in CONVERSION_STEPS.items() if name != _FINDS_CONVERSIONS},
    PERSON: PERSON_STEPS,
}


async def at_once(works: Iterable[Awaitable[None]]) -> None:
    """All of them; none is left running when another fails."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def in_order(works: Stage) -> None:
    """Each of (work, names of works before it) as soon as it can; what comes after one that fails is not begun. Works that are not
    among these are done already."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def run(work: Work, before: Sequence[str]) -> None:
        for name in before:
            if name in tasks:
                await tasks[name]
        await work()

    for name, (work, before) in works.items():
        tasks[name] = asyncio.create_task(run(work, before))
    await at_once(tasks.values())


async def in_turn(works: Stage) -> None:
    """One after another: each has the memory to itself."""
    for work, _ in works.values():
        await work()
