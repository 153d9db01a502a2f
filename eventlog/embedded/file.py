"""The log's file: making it, connecting to it, copying its write-ahead log back. Knows nothing of records.

Every connection is made here, so that every one has the settings that durability rests on.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from eventlog.contract import LogError, LogUnavailable
from eventlog.embedded.chunks import PARTITIONS_MAX
from eventlog.embedded.faults import translate
from eventlog.embedded.locks import WriterLock

FILE_NAME: Final = "log.sqlite3"
FORMAT: Final = 2
# 0: a new file. 1: chunks were never compressed; it is read as it is and goes on as one of today.
EARLIER: Final = (0, 1)
BUSY_TIMEOUT_S: Final = 10.0
# Of a new file. Larger than SQLite's own 4 KiB: a group of batches is written in half the calls, and a single small
# record costs no more.
PAGE_BYTES: Final = 8 * 1024
# After this much was written the write-ahead log is copied back, by the writer itself.
CHECKPOINT_BYTES: Final = 8 * 1024 * 1024
# Over this a checkpoint waits for readers, so that the write-ahead log starts over.
WAL_BYTES_MAX: Final = 64 * 1024 * 1024

# FULL: a commit returns after the write-ahead log was synced. No automatic checkpoints: ours run under the writer lock.
PRAGMAS: tuple[str, ...] = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = 1",
    "PRAGMA checkpoint_fullfsync = 1",
    "PRAGMA wal_autocheckpoint = 0",
    f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}",
    "PRAGMA secure_delete = OFF",
    # Appends and reads go forward and come back to few pages: more would only be memory.
    "PRAGMA cache_size = -2048",
    "PRAGMA temp_store = MEMORY",
)


class Database(Protocol):
    """The part of a connection that our SQL needs; another SQLite binding has it too."""

    # Any: two bindings' cursors and parameters have no type in common.
    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any: ...


class Origin(msgspec.Struct, frozen=True):
    """What was decided when the file was made."""

    generation: int
    partitions: int


def connect(folder: Path, *, make: bool = False) -> sqlite3.Connection:
    """A connection with all settings. Raises `LogError`, also when the file is gone (unless it may be made)."""
    uri = f"{(folder / FILE_NAME).absolute().as_uri()}?mode={'rwc' if make else 'rw'}"
    try:
        # Transactions are begun by hand; a connection is used by one thread at a time but closed by another.
        db = sqlite3.connect(uri, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, uri=True)
    except sqlite3.Error as error:
        raise translate(error) from error
    try:
        configure(db)
    except sqlite3.Error as error:
        db.close()
        raise translate(error) from error
    return db


def configure(db: Database) -> None:
    """The settings of every connection."""
    for pragma in PRAGMAS:
        db.execute(pragma).fetchall()


def create(db: Database, partitions: int) -> Origin:
    """Make the tables unless they are there; what stands in the file wins over `partitions`."""
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        for statement in files("eventlog.embedded").joinpath("schema.sql").read_text("utf-8").split(";\n"):
            if statement.strip():
                db.execute(statement)
        # A reader tells the offsets of a log made anew from the old one's by this number (UInt32, never 0).
        generation = secrets.randbelow(2**32 - 1) + 1
        db.execute("INSERT INTO origin VALUES (?, ?)", (generation, partitions))
    if version in EARLIER:
        db.execute(f"PRAGMA user_version = {FORMAT}")
    db.execute("COMMIT")
    if version not in {*EARLIER, FORMAT}:
        raise LogError(f"The log's file has format {version}, this version knows {FORMAT}", "Use the newer version.")
    generation, partitions = db.execute("SELECT generation, partitions FROM origin").fetchone()
    return Origin(generation, partitions)


def prepare(folder: Path, partitions: int) -> Origin:
    """Make the folder and the file unless they are there. Raises `LogError`."""
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise LogError(f"A log has 1 to {PARTITIONS_MAX} partitions, not {partitions}", "Set another number.")
    try:
        # Records are as they were sent, addresses and all: nobody else's to read.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = WriterLock(folder)
    except OSError as error:
        raise LogError(f"The log's folder can't be used: {error}", "Check the folder and its permissions.") from error
    try:
        with lock:
            made = not (folder / FILE_NAME).exists()
            db = connect(folder, make=True)
            try:
                return create(db, partitions)
            except sqlite3.Error as error:
                raise translate(error) from error
            finally:
                db.close()
                if made:
                    _sync_names(folder)
    finally:
        lock.close()


def _sync_names(folder: Path) -> None:
    """Make the names of a new file and its folder survive a power loss."""
    for path in (folder, *folder.absolute().parents[:3]):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except PermissionError:  # an ancestor that isn't ours was not made by us either
            return
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def checkpoint(db: Database) -> None:
    """Copy the write-ahead log back. Call it under the writer lock, outside a transaction."""
    _, frames, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if frames * _page_bytes(db) > WAL_BYTES_MAX:
        db.execute("PRAGMA busy_timeout = 250").fetchall()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}").fetchall()


def settle(db: Database) -> None:
    """After an I/O error: rest on the write-ahead log no more. Call it under the writer lock, outside a transaction.

    Pages whose sync failed look written from then on, so a commit that was refused may be found again in the
    write-ahead log without being on the disk, and all that follows it would go with it at a power loss.
    """
    if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise LogUnavailable("The log can't be settled after an I/O error while others read it")


def used_bytes(db: Database) -> int:
    """Bytes of the pages that hold something."""
    pages: int = db.execute("PRAGMA page_count").fetchone()[0]
    free: int = db.execute("PRAGMA freelist_count").fetchone()[0]
    return (pages - free) * _page_bytes(db)


def _page_bytes(db: Database) -> int:
    size: int = db.execute("PRAGMA page_size").fetchone()[0]
    return size
