"""Writes one group of appends. Runs inside the writer's transaction; knows no thread, no future, no clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain

from eventlog.contract import Record
from eventlog.embedded.chunks import encode
from eventlog.embedded.file import Database
from eventlog.embedded.query import HEAD_OF_FIRST, head
from eventlog.places import base_of, partition_of

INSERT = "INSERT INTO chunks (id, appended_at, records, body) VALUES (?, ?, ?, ?)"
# The whole of a group where there is one partition: a statement of its own is a transaction of its own.
INSERT_NEXT = f"INSERT INTO chunks (id, appended_at, records, body) VALUES (({HEAD_OF_FIRST}), ?, ?, ?)"


def append_next(db: sqlite3.Connection, chunk: tuple[int, bytes], now_ms: int) -> int:
    """Store one chunk at the end of the only partition, outside a transaction: the packed id of its first record."""
    count, body = chunk
    first = db.execute(INSERT_NEXT, (now_ms, count, body)).lastrowid
    if first is None:
        raise sqlite3.ProgrammingError("an insert without a row")
    return first


def append(
    db: Database, requests: Sequence[Sequence[Record]], partitions: int, now_ms: int
) -> tuple[list[Sequence[int]], int]:
    """Store the records of all requests: the packed ids of each request's records, and the bytes written."""
    if partitions > 1:
        return _append_split(db, requests, partitions, now_ms)
    start = head(db, 0)
    written = _insert(db, start, list(chain.from_iterable(requests)), now_ms)
    return ranges(start, requests), written


def ranges(start: int, requests: Sequence[Sequence[Record]]) -> list[Sequence[int]]:
    """The packed ids of requests that stand one after the other from `start` on."""
    ids: list[Sequence[int]] = []
    for records in requests:
        stop = start + len(records)
        ids.append(range(start, stop))
        start = stop
    return ids


def _append_split(
    db: Database, requests: Sequence[Sequence[Record]], partitions: int, now_ms: int
) -> tuple[list[Sequence[int]], int]:
    lanes: dict[int, list[Record]] = {}
    starts: dict[int, int] = {}
    ids: list[Sequence[int]] = []
    for records in requests:
        places: list[int] = []
        for record in records:
            partition = partition_of(record.key, partitions)
            lane = lanes.get(partition)
            if lane is None:
                lane = lanes[partition] = []
                starts[partition] = base_of(partition) + head(db, partition)
            places.append(starts[partition] + len(lane))
            lane.append(record)
        ids.append(places)
    return ids, sum(_insert(db, starts[partition], lane, now_ms) for partition, lane in lanes.items())


def _insert(db: Database, start: int, records: list[Record], now_ms: int) -> int:
    written = 0
    for count, body in encode(records):
        db.execute(INSERT, (start, now_ms, count, body))
        start += count
        written += len(body)
    return written
