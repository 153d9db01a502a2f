"""Keys that are set aside: their derivation fails whatever is done, so they are left out until it works.

They stand in a table beside the derived ones, which all who refresh share; in memory too, so that refreshes ask for nothing where there
are none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from consumers.refresh.kinds import SUBJECT, Kind
from consumers.rules.literal import quote
from consumers.warehouse.contract import MEMORY, Warehouse, WarehouseError

# More of them are no matter of some keys: something is wrong with the tables, the server or the rules, and has to be seen to.
ASIDE_MAX: Final = 100
# Those that need too much memory don't count there: each is one that did very much, and whoever has a write key can make as many such
# visitors as they like. A stop at the hundred and first would be a stop for everybody.
TOO_LARGE_MAX: Final = 10_000
FIRST_WAIT_US: Final = 60_000_000
LONGEST_WAIT_US: Final = 6 * 3_600_000_000
_NAME: Final = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_TYPES: Final = {
    "site": "LowCardinality(String)", "kind": "LowCardinality(String)", "key": "String", "code": "Int32", "reason": "String",
    "first_at": "DateTime64(3, 'UTC')", "last_at": "DateTime64(3, 'UTC')", "attempts": "UInt32",
    "version": "UInt64", "is_deleted": "UInt8",
}  # fmt: skip
Key = tuple[str, str, str]
"""(kind, site, key); a conversion's key is its number."""


class Entry(msgspec.Struct, frozen=True):
    """A key that is set aside; times in epoch ms."""

    kind: str
    site: str
    key: str
    code: int
    reason: str
    first_ms: int
    last_ms: int
    attempts: int

    @property
    def name(self) -> Key:
        """What it is known by."""
        return self.kind, self.site, self.key

    @property
    def due_us(self) -> int:
        """When it is tried again: after a minute, then after twice as long each time, up to six hours."""
        return self.last_ms * 1000 + min(LONGEST_WAIT_US, FIRST_WAIT_US << min(self.attempts - 1, 20))


class Told(msgspec.Struct, frozen=True):
    """How many keys are set aside now; and were, and were taken back, since it was told last."""

    now: int
    put: int
    back: int


class Aside:
    """What is set aside of the derived tables in a database."""

    def __init__(self, warehouse: Warehouse, derived: str, clock_us: Callable[[], int]) -> None:
        self._warehouse, self._table, self._clock_us = warehouse, f"{derived}.set_aside", clock_us
        self.entries: dict[Key, Entry] = {}
        self._due_us: dict[Key, int] = {}
        self._all_due = False
        self._put = self._back = 0
        self.unread = False
        """Other tables are in use since it was read."""
        self.again = False
        """Something that was taken back is to be derived once more."""
        self._events = structlog.get_logger("netiv.consumer")

    async def begin(self) -> None:
        """As `read`; whatever is set aside is to be tried again: there may be more memory, or another version."""
        await self.read()
        self._due_us = dict.fromkeys(self.entries, 0)

    async def read(self) -> None:
        """What is set aside by now, by whomever."""
        rows = await self._warehouse.rows(
            "SELECT kind, site, key, code, reason, toUnixTimestamp64Milli(first_at), toUnixTimestamp64Milli(last_at), attempts "
            f"FROM {self._table} FINAL ORDER BY kind, site, key"
        )
        entries = {entry.name: entry for entry in (Entry(*row) for row in rows)}
        for gone in self.entries.keys() - entries.keys():
            self._tell_back(self.entries[gone])
        # those that others tried meanwhile wait as long as these say
        self._due_us = {
            name: self._due_us[name] if self.entries.get(name) == entry else entry.due_us
            for name, entry in entries.items()
        }
        self.entries = entries
        self.unread = False

    @property
    def beyond_subjects(self) -> bool:
        """Whether any is no subject: those are found by what a refresh derives."""
        return any(entry.kind != SUBJECT.name for entry in self.entries.values())

    def subjects_sql(self) -> str:
        """The condition for a subject that is not set aside; 1 = none is."""
        if not any(entry.kind == SUBJECT.name for entry in self.entries.values()):
            return "1"
        # not as a list: a statement has a limit of length
        return f"(site, subject) NOT IN (SELECT site, key FROM {self._table} FINAL WHERE kind = {quote(SUBJECT.name)})"

    def holds(self, kind: Kind, site: str, key: object) -> bool:
        """Whether a key is set aside."""
        return (kind.name, site, str(key)) in self.entries

    async def put(self, kind: Kind, site: str, key: object, error: WarehouseError, step: str) -> None:
        """Set a key aside because of this error, or note that it failed once more. Raises the error where too many are."""
        now_ms = self._clock_us() // 1000
        before = self.entries.get((kind.name, site, str(key)))
        if before is None and not self._has_room(error.code):
            raise error
        # Of the text only the name: the rest may tell of persons.
        found = _NAME.findall(str(error))
        reason = f"{found[-1] if found else 'error'} in {step}"
        entry = Entry(
            kind.name, site, str(key), error.code, reason,
            before.first_ms if before else now_ms, now_ms, before.attempts + 1 if before else 1,
        )  # fmt: skip
        await self._write(entry)
        self.entries[entry.name] = entry
        self._due_us[entry.name] = entry.due_us
        if before is None:
            self._put += 1
            self._events.error(
                "set_aside", kind=entry.kind, site=site, code=error.code, reason=reason, hint="`netiv doctor` names it"
            )

    def _has_room(self, code: int) -> bool:
        too_large = sum(entry.code == MEMORY for entry in self.entries.values())
        return too_large < TOO_LARGE_MAX if code == MEMORY else len(self.entries) - too_large < ASIDE_MAX

    async def take_back(self, entry: Entry) -> None:
        """It is derived: nothing leaves it out any more."""
        await self._write(entry, is_deleted=1)
        self.entries.pop(entry.name, None)
        self._due_us.pop(entry.name, None)
        self._tell_back(entry)

    async def _write(self, entry: Entry, is_deleted: int = 0) -> None:
        # newer than whatever stands there, by whose clock ever
        [(newest,)] = await self._warehouse.rows(f"SELECT max(version) FROM {self._table}")
        columns: dict[str, list[object]] = {
            "version": [max(self._clock_us(), int(newest) + 1)],
            "site": [entry.site], "kind": [entry.kind], "key": [entry.key], "code": [entry.code], "reason": [entry.reason],
            "first_at": [entry.first_ms], "last_at": [entry.last_ms], "attempts": [entry.attempts], "is_deleted": [is_deleted],
        }  # fmt: skip
        await self._warehouse.insert(self._table, columns, _TYPES)

    def _tell_back(self, entry: Entry) -> None:
        self._back += 1
        self._events.info("taken_back", kind=entry.kind, site=entry.site, attempts=entry.attempts)

    def hurry(self) -> None:
        """The next refresh tries all of them."""
        self._due_us = dict.fromkeys(self.entries, 0)
        self._all_due = bool(self.entries)

    def is_due(self) -> bool:
        """Whether there is anything to try again now."""
        return self.again or (bool(self._due_us) and min(self._due_us.values()) <= self._clock_us())

    def due(self) -> list[Entry]:
        """What to try again now: one in a refresh, whichever waits longest, so that the others' refreshes are not held up for long."""
        now, self.again = self._clock_us(), False
        found = sorted((name for name, due in self._due_us.items() if due <= now), key=lambda name: self._due_us[name])
        every, self._all_due = self._all_due, False
        return [self.entries[name] for name in (found if every else found[:1])]

    def told(self) -> Told:
        """For whoever counts."""
        told = Told(len(self.entries), self._put, self._back)
        self._put = self._back = 0
        return told
