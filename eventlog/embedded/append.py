"""Writes one group of appends. Runs inside the writer's transaction; knows no thread, no future, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from eventlog.contract import Record
from eventlog.embedded.chunks import base_of, encode, partition_of
from eventlog.embedded.file import Database
from eventlog.embedded.query import head

INSERT = "INSERT INTO chunks (id, appended_at, records, body) VALUES (?, ?, ?, ?)"


def append(
    db: Database, requests: Sequence[Sequence[Record]], partitions: int, now_ms: int
) -> tuple[list[Sequence[int]], int]:
    """Store the records of all requests: the packed ids of each request's records, and the bytes written."""
    if partitions > 1:
        return _append_split(db, requests, partitions, now_ms)
    start = head(db, 0)
    written = _insert(db, start, list(chain.from_iterable(requests)), now_ms)
    ids: list[Sequence[int]] = []
    for records in requests:
        ids.append(range(start, start + len(records)))
        start += len(records)
    return ids, written


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
