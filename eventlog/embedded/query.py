"""Reads the log's file: heads, commits, records. Runs on any connection, in or out of a transaction."""

from __future__ import annotations

from collections.abc import Iterator

from eventlog.contract import Stored
from eventlog.embedded.chunks import Chunk, cut, decode
from eventlog.embedded.file import Database, Origin
from eventlog.places import base_of

_HEAD = """
SELECT max(
    ifnull((SELECT id + records - :base FROM chunks WHERE id >= :base AND id < :stop ORDER BY id DESC LIMIT 1), 0),
    ifnull((SELECT next FROM heads WHERE partition = :partition), 0))
"""
# The same for partition 0, whose packed ids are its offsets, without parameters.
HEAD_OF_FIRST = f"""
SELECT max(
    ifnull((SELECT id + records FROM chunks WHERE id < {base_of(1)} ORDER BY id DESC LIMIT 1), 0),
    ifnull((SELECT next FROM heads WHERE partition = 0), 0))
"""
# From the chunk that holds :start (or, where retention took it, the next one) to the partition's end.
_CHUNKS = """
SELECT id - :base, appended_at, body FROM chunks
WHERE id >= ifnull((SELECT id FROM chunks WHERE id >= :base AND id <= :start ORDER BY id DESC LIMIT 1), :start)
  AND id < :stop AND id + records > :start
ORDER BY id
"""
_FIRST_TIME = _CHUNKS.replace("id - :base, appended_at, body", "appended_at") + " LIMIT 1"


def _bounds(partition: int) -> dict[str, int]:
    return {"partition": partition, "base": base_of(partition), "stop": base_of(partition + 1)}


def head(db: Database, partition: int) -> int:
    """The next offset of a partition."""
    next_offset: int = db.execute(_HEAD, _bounds(partition)).fetchone()[0]
    return next_offset


def heads(db: Database, partitions: int) -> dict[int, int]:
    """The next offset of every partition."""
    return {partition: head(db, partition) for partition in range(partitions)}


def committed(db: Database, name: str, partitions: int) -> dict[int, int]:
    """A group's commits, or else the marks of this name; 0 where there is none."""
    offsets = dict.fromkeys(range(partitions), 0)
    rows = db.execute("SELECT partition, next FROM commits WHERE name = ?", (name,)).fetchall()
    rows = rows or db.execute("SELECT partition, next FROM marks WHERE name = ?", (name,)).fetchall()
    offsets.update(rows)
    return offsets


def oldest_unread_at(db: Database, name: str, partitions: int) -> dict[int, int]:
    """When the oldest record beyond these commits was appended (epoch ms), where there is one."""
    times: dict[int, int] = {}
    for partition, offset in committed(db, name, partitions).items():
        row = db.execute(_FIRST_TIME, {**_bounds(partition), "start": base_of(partition) + offset}).fetchone()
        if row:
            (times[partition],) = row
    return times


def read(db: Database, origin: Origin, place: tuple[int, int], records_max: int, bytes_max: int) -> list[Stored]:
    """Records from `place` (partition, offset) on: at least one if there is one, else about what the limits allow."""
    partition, start = place
    found: list[Stored] = []
    room = bytes_max
    for chunk in _chunks(db, partition, start):
        records = decode(chunk, origin.generation, start)[: records_max - len(found)]
        if chunk.size > room:
            found += cut(records, room) or ([] if found else records[:1])
            break
        found += records
        room -= chunk.size
        if len(found) >= records_max:
            break
    return found


def _chunks(db: Database, partition: int, start: int) -> Iterator[Chunk]:
    cursor = db.execute(_CHUNKS, {**_bounds(partition), "start": base_of(partition) + start})
    try:
        while row := cursor.fetchone():
            first, appended_at, body = row
            yield Chunk(partition, first, appended_at, body)
    finally:
        cursor.close()  # an open statement would hold its snapshot and keep the write-ahead log from starting over
