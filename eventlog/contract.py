"""The `Log` contract. Embedded (SQLite) and Kafka stand behind it; `tests/contracts/test_log.py` runs on each.

Promises: `append` returns only when every record of the call is durable; the offsets of one partition grow, and are dense
where nobody else writes; the records of one key stay in one partition, in the order of their appends; nothing that was acknowledged
is ever lost but by retention, and retention never takes what the named groups have not committed unless the size
limit leaves no choice. The log knows bytes, never events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a writer appends. Encoded (where a backend stores it whole) as the array [key, value]."""

    key: bytes
    value: bytes


class Position(msgspec.Struct, frozen=True, gc=False, order=True):
    """Where a record stands. `generation` changes when a log is made anew and its offsets start over."""

    generation: int
    partition: int
    offset: int


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What a reader gets. `appended_at` is epoch milliseconds by the writer's clock."""

    position: Position
    key: bytes
    value: bytes
    appended_at: int


class Batch(msgspec.Struct, frozen=True):
    """One read. When `assignment` differs from the last batch's, the reader was given other partitions: the caller
    must find its place in each (`Reader.seek`) before it uses any record. `passed` are next offsets of partitions that end
    without a record (a marker, or what retention took); `lost` is how many records were gone before they were read."""

    assignment: int
    records: list[Stored]
    passed: Mapping[int, int] = {}
    lost: int = 0


class LogError(Exception):
    """Something is wrong with the log; `hint` says how to mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class LogFull(LogError):
    """No room: nothing of this call was stored. Try again later (`retry_after_s`)."""

    def __init__(self, message: str, retry_after_s: float = 5.0) -> None:
        super().__init__(message, "Free disk space, or raise the log's size limit.")
        self.retry_after_s = retry_after_s


class LogUnavailable(LogError):
    """The log can't be reached or the outcome is unknown. The records may have been stored: retry with the same ids."""


class LogChanged(LogUnavailable):
    """The log was made anew, or divided anew, since it was opened: open it again."""


class LogWentBack(LogError):
    """The log ends below a place up to which it was read: it lost its end, or an older copy was put in its place. New
    records get the places of others, so nothing can tell which were read."""

    def __init__(self, partition: int, place: int) -> None:
        super().__init__(
            f"Partition {partition} of the log was read up to offset {place}, but does not reach that far",
            "It is older than the tables: docs/operations.md, 'A log older than the tables', says how to go on.",
        )


class Reader(Protocol):
    """One member of a consumer group."""

    async def assigned(self) -> tuple[int, frozenset[int]]:
        """The current assignment number and its partitions; waits until there is one."""
        ...

    async def committed(self) -> dict[int, int]:
        """For each assigned partition the next offset to read by the group's last commit (0 = none yet)."""
        ...

    async def seek(self, partition: int, offset: int) -> None:
        """Read on from `offset` in `partition`; below the oldest kept record this means the oldest kept."""
        ...

    async def read(self, records_max: int, bytes_max: int, wait_s: float) -> Batch:
        """Up to `records_max` records and about `bytes_max` bytes; waits up to `wait_s` for the first one."""
        ...

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Everything below these offsets is done with. Durable on return. Never moves a commit back."""
        ...

    async def close(self) -> None: ...


class Log(Protocol):
    """A durable log of one topic."""

    @property
    def generation(self) -> int: ...

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append all or none of the records, durably; positions in the order given.

        Raises `LogFull` or `LogUnavailable`."""
        ...

    async def reader(self, group: str) -> Reader:
        """A new member of `group`. The embedded log allows one at a time per group and says so."""
        ...

    async def ends(self) -> dict[int, int]:
        """The next offset of every partition: what has been acknowledged. Raises `LogChanged`."""
        ...

    async def committed(self, group: str) -> dict[int, int]:
        """The group's commits, for every partition (0 = none yet)."""
        ...

    async def oldest_unread_at(self, group: str) -> dict[int, int]:
        """When the oldest record the group has not committed was appended (epoch ms), for each partition where one waits."""
        ...

    async def read_from(self, partition: int, offset: int, records_max: int, bytes_max: int) -> list[Stored]:
        """Look at records without joining a group: from `offset` (or the oldest kept) on, waiting for nothing."""
        ...

    async def mark(self, name: str, offsets: Mapping[int, int]) -> None:
        """Publish progress that is not a commit (how far facts are loaded, say); read with `committed(name)`.

        A mark is set as given, so it may go back; where a group has the same name, its commits are what is read."""
        ...

    async def retain(self, age_max_s: float, bytes_max: int, groups: Sequence[str]) -> int:
        """Drop what is older than `age_max_s` or beyond `bytes_max`, keeping what `groups` have not committed; returns
        the number of records dropped. When even uncommitted records exceed `bytes_max`, `append` answers `LogFull`."""
        ...

    async def close(self) -> None: ...


class Waiter(Protocol):
    """Who is told, on the loop, what became of an append. A future is one; what is cheaper than a future may be too."""

    def done(self) -> bool:
        """Whether it was told already, or wants to know no more."""
        ...

    def set_result(self, result: Any, /) -> None:
        """The places of its records, which are durable: what `DirectLog.runs` and `positions` take."""
        ...

    def set_exception(self, error: Any, /) -> None:
        """A `LogError`, its own."""
        ...


class DirectLog(Log, Protocol):
    """A log that can be appended to without a task, which would cost more than a small append itself."""

    def submit(self, records: Sequence[Record], waiter: Waiter) -> None:
        """Append, durably; `waiter` is told. Raises `LogError` where the log refuses at once."""
        ...

    def positions(self, places: Any) -> list[Position]:
        """What a waiter was told, as positions in the order of its records."""
        ...

    def runs(self, places: Any) -> list[tuple[int, int, int, int]]:
        """The same as runs of neighbours: generation, partition, first and last offset."""
        ...
