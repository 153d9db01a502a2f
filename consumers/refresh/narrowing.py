"""Derive a slice of which some key fails, and set that one aside: what fails is halved until a key fails alone.

Stage by stage (subjects, conversions, persons), for what fails is a key of the stage that fails: a person whose paths are too long takes
nothing from the sessions of the visitors. Knows which tables a stage fills, nothing of what its statements say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol

from consumers.refresh.aside import Aside, Entry
from consumers.refresh.kinds import CONVERSION, PERSON, SUBJECT, Kind
from consumers.refresh.working import WORKING
from consumers.warehouse.contract import MEMORY, WarehouseError
from consumers.warehouse.failure import RETRY_LATER

Rows = Sequence[tuple[Any, ...]]
# What never lies with a key, however often a statement fails. 0: no answer of the engine's.
_SERVERS: Final = (RETRY_LATER - {MEMORY}) | {0}
# Statements and tables that do not fit (no such column, function, table, setting; syntax; a dropped table): a version, or an operator.
_TABLES: Final = frozenset({10, 16, 20, 46, 47, 57, 60, 62, 80, 81, 115, 218})
# Rights.
_RIGHTS: Final = frozenset({164, 192, 193, 194, 195, 291, 452, 497, 516})
# Files: who reads around a broken disk hides it.
_FILES: Final = frozenset({33, 40, 74, 75, 76, 87, 88, 107, 226, 228, 246, 271, 499, 1000, 1001})
NOT_OF_KEYS: Final = _SERVERS | _TABLES | _RIGHTS | _FILES
# A limit of the server or of a user, which others' statements fill too. So long a key that fails alone by it is waited for and tried again.
PAUSES_S: Final = (1.0, 4.0, 15.0)

_SITE: Final = {"site": "LowCardinality(String)"}
KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    SUBJECT.name: {**_SITE, "subject": "String", "since": "Int64"},
    CONVERSION.name: {**_SITE, "conversion_id": "UInt64"},
    PERSON.name: {**_SITE, "person_id": "String"},
}
"""The columns of each kind's table of keys; the second one is the key."""
# What the stages find out for those that follow, of all pieces together.
_FOUND: Final = (PERSON.dirty, CONVERSION.dirty)
_FILLED: Final = {
    SUBJECT.name: tuple(table for table in WORKING if table not in (SUBJECT.dirty, *_FOUND)),
    CONVERSION.name: ("chosen",),
    PERSON.name: ("their_subjects", "lone_touches", "touch_sessions", "steps", "pieces", "progress", "open_paths"),
}


class Steps(Protocol):
    """What narrowing needs of a refresher."""

    aside: Aside
    at: str

    async def stage(self, kind: Kind, *, one_by_one: bool) -> None: ...
    async def rows(self, statement: str, bound: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]: ...
    async def insert(self, table: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None: ...
    async def truncate(self, tables: Collection[str]) -> None: ...


def may_be_of_keys(error: WarehouseError) -> bool:
    """Whether what is derived may be the reason: it would fail again and again."""
    return error.code not in NOT_OF_KEYS


def _may_be_of_others(error: WarehouseError) -> bool:
    """Whether what others do at the same time may be the reason: the limit was not the statement's own."""
    text = str(error)
    return error.code == MEMORY and not ("Query memory" in text or "(for query)" in text)


class Narrowing:
    """The careful way through a slice."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._tried: Entry | None = None
        self._failed = False  # the key that is tried again

    async def slice(self) -> None:
        """Derive the slice that was taken, but for what is set aside, then or now. Raises what lies not with single keys."""
        await self._slice(
            await self._steps.rows("SELECT site, subject, since FROM {{scratch}}.dirty_subjects ORDER BY ALL")
        )

    async def again(self, entry: Entry) -> bool:
        """Derive a key that is set aside, with all that hangs on it; whether that worked."""
        self._tried, self._failed = entry, False
        try:
            await self.mark(entry)
            await self._slice([(entry.site, entry.key, 0)] if entry.kind == SUBJECT.name else [])
        finally:
            self._tried = None
        return not self._failed

    async def mark(self, entry: Entry) -> None:
        """A conversion or a person is to be derived with what comes next."""
        if entry.kind == PERSON.name:
            await self._steps.insert(
                "dirty_persons", {"site": [entry.site], "person_id": [entry.key]}, KEYS[PERSON.name]
            )
        if entry.kind == CONVERSION.name:
            number = int(entry.key)
            await self._steps.insert(
                "dirty_conversions", {"site": [entry.site], "conversion_id": [number]}, KEYS[CONVERSION.name]
            )
            # whoever had it so far may be none of those who have reports of it by now
            holders = await self._steps.rows(
                "SELECT DISTINCT site, person_id FROM {{derived}}.conversions WHERE site = {site:String} AND order_key = {number:UInt64}",
                {"site": entry.site, "number": number},
            )
            if holders:
                await self._steps.insert("dirty_persons", _columns(PERSON, holders), KEYS[PERSON.name])

    async def narrow(
        self, kind: Kind, keys: Rows, filled: Collection[str], attempt: Callable[[bool], Awaitable[None]]
    ) -> None:
        """Attempt all keys; where that fails, halves, down to the key that fails alone, which is set aside. `attempt` is told whether to do
        one thing at a time; the tables that it fills are emptied before."""
        waiting = [(keys, False)]
        while waiting:
            some, alone = waiting.pop()
            pauses = iter(PAUSES_S)
            while True:
                await self._steps.truncate((kind.dirty, *filled))
                await self._steps.insert(kind.dirty, _columns(kind, some), KEYS[kind.name])
                try:
                    await attempt(alone)
                except WarehouseError as error:
                    if not some or not may_be_of_keys(error):
                        raise
                    if not alone or len(some) > 1:
                        half = (len(some) + 1) // 2
                        waiting += [(piece, True) for piece in (some[half:], some[:half]) if piece]
                    elif _may_be_of_others(error) and (pause := next(pauses, None)) is not None:
                        await asyncio.sleep(pause)
                        continue
                    else:
                        await self._give_up(kind, some[0], error)
                break

    async def _slice(self, subjects: Rows) -> None:
        await self._steps.truncate(_FOUND)
        await self._narrow_stage(SUBJECT, subjects)
        for kind in (CONVERSION, PERSON):
            found = f"SELECT DISTINCT site, {kind.column} FROM {{{{scratch}}}}.{kind.dirty} ORDER BY ALL"
            await self._narrow_stage(kind, await self._steps.rows(found))

    async def _narrow_stage(self, kind: Kind, keys: Rows) -> None:
        in_it = [key for key in keys if self._is_tried(kind, key) or not self._steps.aside.holds(kind, key[0], key[1])]
        if in_it or kind is SUBJECT:  # without subjects, there are conversions and persons that were marked

            async def attempt(alone: bool) -> None:
                await self._steps.stage(kind, one_by_one=alone)

            await self.narrow(kind, in_it, _FILLED[kind.name], attempt)

    def _is_tried(self, kind: Kind, key: tuple[Any, ...]) -> bool:
        return self._tried is not None and self._tried.name == (kind.name, key[0], str(key[1]))

    async def _give_up(self, kind: Kind, key: tuple[Any, ...], error: WarehouseError) -> None:
        self._failed |= self._is_tried(kind, key)
        await self._steps.aside.put(kind, key[0], key[1], error, self._steps.at)


def _columns(kind: Kind, keys: Rows) -> dict[str, list[Any]]:
    return {name: [key[number] for key in keys] for number, name in enumerate(KEYS[kind.name])}
