"""Drops old chunks, a few per transaction so that appends get in between, never one that a named group still needs.

Runs inside the writer's transaction. Chunks go oldest first and always as a prefix of their partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from eventlog.embedded.file import Database, used_bytes
from eventlog.embedded.query import committed, head
from eventlog.places import base_of

# One step's work: well under 10 ms, so that an append waits for no more than that.
STEP_CHUNKS: Final = 256
STEP_BYTES: Final = 4 * 1024 * 1024

_DROPPABLE = """
SELECT appended_at, id, records, length(body) FROM chunks
WHERE id >= :base AND id < :done AND id + records <= :done ORDER BY id LIMIT :chunks
"""


class Policy(msgspec.Struct, frozen=True):
    """What to keep: records appended at or after `cutoff_ms`, `bytes_max` in all, what `groups` have not committed."""

    cutoff_ms: int
    bytes_max: int
    groups: tuple[str, ...]
    now_ms: int = 1 << 62  # nothing is from after this


def remember(db: Database, groups: Sequence[str]) -> None:
    """Note the groups to wait for, for writers that run out of room between two retentions."""
    known = {name for (name,) in db.execute("SELECT name FROM retention_groups").fetchall()}
    if known != set(groups):
        db.execute("DELETE FROM retention_groups")
        db.executemany("INSERT INTO retention_groups VALUES (?)", [(name,) for name in sorted(set(groups))])


def remembered(db: Database) -> tuple[str, ...]:
    """The groups of the last retention."""
    return tuple(name for (name,) in db.execute("SELECT name FROM retention_groups").fetchall())


def drop(db: Database, policy: Policy, partitions: int) -> int:
    """One step: drop some of what may go; returns the number of records, 0 when nothing is left to drop."""
    excess = used_bytes(db) - policy.bytes_max
    last: dict[int, int] = {}
    dropped = step_bytes = 0
    for appended_at, partition, chunk, records, size in _droppable(db, policy, partitions):
        if step_bytes >= STEP_BYTES or (appended_at >= policy.cutoff_ms and excess <= 0):
            break
        last[partition] = chunk
        dropped += records
        step_bytes += size
        excess -= size
    for partition, chunk in last.items():
        _delete(db, partition, chunk)
    return dropped


def _droppable(db: Database, policy: Policy, partitions: int) -> list[tuple[int, int, int, int, int]]:
    """(appended_at, partition, id, records, bytes) of chunks that no group needs, oldest first."""
    floors = [committed(db, group, partitions) for group in policy.groups]
    found: list[tuple[int, int, int, int, int]] = []
    for partition in range(partitions):
        base = base_of(partition)
        done = min((floor[partition] for floor in floors), default=head(db, partition))
        latest = 0
        bounds = {"base": base, "done": base + done, "chunks": STEP_CHUNKS}
        for appended_at, chunk, records, size in db.execute(_DROPPABLE, bounds).fetchall():
            # A clock that went back must not take a chunk before its forerunner; one that was ahead, and was set right
            # since, must not hold all that follows until then.
            latest = max(latest, appended_at if appended_at <= policy.now_ms else 0)
            found.append((latest, partition, chunk, records, size))
    return sorted(found)


def _delete(db: Database, partition: int, last: int) -> None:
    db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?)", (partition, head(db, partition)))
    db.execute("DELETE FROM chunks WHERE id >= ? AND id <= ?", (base_of(partition), last))
