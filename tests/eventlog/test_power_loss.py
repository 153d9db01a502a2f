"""A power cut at any write or sync, after which any unsynced sectors are gone, loses nothing that was acknowledged.

The log's own SQL, pragmas, checkpoints and retention run on a simulated disk; what survives is opened by the real log.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from eventlog.contract import Record
from eventlog.embedded import progress, query, retention
from eventlog.embedded.append import append
from eventlog.embedded.file import FILE_NAME, Database, Origin, checkpoint, configure, connect, create, prepare
from eventlog.places import OFFSET_BITS, OFFSET_MASK
from tests.eventlog.power import Disk

PARTITIONS = 2
Place = tuple[int, int]
EVERYTHING_COMMITTED = retention.Policy(1 << 50, 0, ("g",))


class History:
    """What one writer was told until the power went."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.acknowledged: dict[Place, Record] = {}
        self.in_flight: list[Record] = []
        self.commits = dict.fromkeys(range(PARTITIONS), 0)
        self.commit_in_flight: tuple[int, int] = (0, 0)
        self.appended = 0

    def live(self, db: Database) -> None:
        """Append, commit, retain and checkpoint until the disk fails."""
        while True:
            self.append(db)
            act = self.chance.random()
            if act < 0.2:
                self.commit(db)
            elif act < 0.3:
                transact(db, lambda: retention.drop(db, EVERYTHING_COMMITTED, PARTITIONS))
            elif act < 0.4:
                checkpoint(db)

    def append(self, db: Database) -> None:
        requests = [
            [self.record() for _ in range(self.chance.randint(1, 4))] for _ in range(self.chance.choice([1, 1, 8]))
        ]
        self.in_flight = [record for request in requests for record in request]
        ids = transact(db, lambda: append(db, requests, PARTITIONS, self.appended)[0])
        for request, places in zip(requests, ids, strict=True):
            for record, place in zip(request, places, strict=True):
                self.acknowledged[place >> OFFSET_BITS, place & OFFSET_MASK] = record
        self.in_flight = []

    def record(self) -> Record:
        self.appended += 1
        return Record(b"%d" % (self.appended % 5), b"%d|" % self.appended + self.chance.randbytes(500))

    def commit(self, db: Database) -> None:
        partition = self.chance.randrange(PARTITIONS)
        offset = query.head(db, partition)
        self.commit_in_flight = (partition, offset)
        transact(db, lambda: progress.commit(db, "g", {partition: offset}))
        self.commits[partition] = offset


def transact(db: Database, work):
    db.execute("BEGIN IMMEDIATE")
    result = work()
    db.execute("COMMIT")
    return result


def run_until_the_cut(seed: int, folder: Path, synchronous: str = "") -> History:
    chance = random.Random(seed)
    name = f"disk-{seed}-{synchronous}"
    disk = Disk(name, operations_left=chance.randint(30, 500))
    history = History(chance)
    db = apsw.Connection("/" + FILE_NAME, vfs=name)
    with suppress(Exception):  # each call fails its own way once the power is gone
        db.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()  # apsw has no shared memory between connections
        configure(db)
        if synchronous:  # instead of the log's own setting
            db.execute(f"PRAGMA synchronous = {synchronous}").fetchall()
        create(db, PARTITIONS)
        history.live(db)
    assert disk.operations_left < 0, "ended before the power was cut"
    disk.after_the_cut(folder, chance)
    with suppress(Exception):
        db.close()
    disk.unregister()
    return history


def missing(history: History, folder: Path) -> list[Place]:
    """The acknowledged places that are gone (offset -1: a commit); everything else must hold."""
    origin = prepare(folder, PARTITIONS)
    db = connect(folder)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [place for partition in range(PARTITIONS) for place in gone(history, db, origin, partition)]
    finally:
        db.close()


def gone(history: History, db: sqlite3.Connection, origin: Origin, partition: int) -> list[Place]:
    found = query.read(db, origin, (partition, 0), 1 << 30, 1 << 30)
    committed = query.committed(db, "g", PARTITIONS)[partition]
    if committed not in {history.commits[partition], dict([history.commit_in_flight]).get(partition)}:
        return [(partition, -1)]  # an acknowledged commit is gone
    head = query.head(db, partition)
    first = found[0].position.offset if found else head
    assert [record.position.offset for record in found] == list(range(first, head))
    values = {(partition, record.position.offset): record.value for record in found}
    for place, value in values.items():
        if place in history.acknowledged:
            assert history.acknowledged[place].value == value
        else:
            assert value in {record.value for record in history.in_flight}
    assert len(set(values.values())) == len(values)
    # Retention may have taken what was committed, nothing else.
    return [
        place
        for place in history.acknowledged
        if place[0] == partition and place[1] >= committed and place not in values
    ]


@pytest.mark.parametrize("first_seed", range(0, 200, 20))
def test_nothing_acknowledged_is_lost(first_seed: int, tmp_path: Path) -> None:
    acknowledged = 0
    for seed in range(first_seed, first_seed + 20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        history = run_until_the_cut(seed, folder)
        assert missing(history, folder) == []
        acknowledged += len(history.acknowledged)
    assert acknowledged > 500  # the runs did something


def test_the_simulated_disk_can_lose(tmp_path: Path) -> None:
    """Without syncing at each commit the same runs do lose: the proof above can fail."""
    losses = 0
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        losses += bool(missing(run_until_the_cut(seed, folder, synchronous="NORMAL"), folder))
    assert losses > 0
