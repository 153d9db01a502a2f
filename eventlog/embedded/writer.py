"""The writer thread: takes all that waits, stores it in one transaction, resolves the futures in one call of the loop.

One thread per open log. Group commit comes by itself: while a group syncs, the next one gathers. Nothing is ever
acknowledged before its COMMIT returned.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from queue import SimpleQueue
from typing import Any, Final, TypeVar

import msgspec

from eventlog.contract import LogError, LogFull, LogUnavailable, Record, Waiter
from eventlog.embedded.append import append, append_next, ranges
from eventlog.embedded.chunks import encode
from eventlog.embedded.faults import leaves_connection_sound, translate
from eventlog.embedded.file import CHECKPOINT_BYTES, Database, checkpoint, settle
from eventlog.embedded.locks import WriterLock
from eventlog.embedded.room import Room

T = TypeVar("T")
Job = Callable[[Database], Any]
Request = tuple[Waiter, Sequence[Record]]
Outcome = tuple[Waiter, Any]
# A group's transaction stays short, whatever waits.
GROUP_RECORDS_MAX: Final = 4096
# While the log is full, appends are refused at once and room is looked for again after this.
FULL_PAUSE_S: Final = 0.2


class Site(msgspec.Struct, frozen=True):
    """What a writer works on."""

    connect: Callable[[], sqlite3.Connection]
    require_same: Callable[[], None]  # raises where the file is another by now
    lock: WriterLock
    room: Room
    partitions: int
    clock_ms: Callable[[], int]


class Writer:
    """Owned by one event loop: only `_run` and what it calls are on the thread."""

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop, resolve: Callable[[list[Outcome]], None]) -> None:
        self.full_until = 0.0  # time.monotonic()
        self.working_since: float | None = None
        self._site = site
        self._loop = loop
        self._resolve = resolve
        self._appends: deque[Request] = deque()
        self._jobs: deque[tuple[asyncio.Future[Any], Job]] = deque()
        self._in_flight: Sequence[Waiter] = ()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = False
        self._closing = False
        self._db: sqlite3.Connection | None = None
        self._unchecked_bytes = 0
        self._doubtful = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def append(self, requests: Iterable[Request]) -> None:
        """Tells each waiter the packed ids of its records once they are durable."""
        self._appends.extend(requests)
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Run `job` in a transaction of its own; resolves to its result once that is durable."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.append((future, job))
        self._bell.put(None)
        return future

    def abandon(self, reason: str) -> None:
        """On the loop: the thread hangs, so tell all who wait that nobody knows. What hangs may still be stored."""
        waiting: list[Waiter] = list(self._in_flight)
        while self._appends:
            waiting.append(self._appends.popleft()[0])
        while self._jobs:
            waiting.append(self._jobs.popleft()[0])
        resolve([(waiter, LogUnavailable(reason)) for waiter in waiting])

    def close(self, timeout_s: float) -> bool:
        """Store what waits, then end the thread; False when it did not end in time."""
        self._closing = True
        self._bell.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._bell.get()
            self._rung = False
            while self._appends or self._jobs:
                self.working_since = time.monotonic()
                if self._appends:
                    self._group()
                if self._jobs:
                    self._job()
            self.working_since = None
            if self._closing:
                break
        if self._db is not None:
            with self._site.lock:
                self._db.close()
        self._site.lock.close()

    def _group(self) -> None:
        waiters: list[Waiter] = []
        requests: list[Sequence[Record]] = []
        records = 0
        while self._appends and records < GROUP_RECORDS_MAX:
            waiter, request = self._appends.popleft()
            waiters.append(waiter)
            requests.append(request)
            records += len(request)
        self._in_flight = waiters
        try:
            ids = self._store(requests)
        except Exception as error:  # noqa: BLE001 - every waiting caller gets it
            if isinstance(error, LogFull):
                self.full_until = time.monotonic() + FULL_PAUSE_S
            self._tell([(waiter, error) for waiter in waiters])
        else:
            self._tell(list(zip(waiters, ids, strict=True)))

    def _store(self, requests: list[Sequence[Record]]) -> list[Sequence[int]]:
        """The usual group is one chunk of one partition, which one statement stores: each statement more would give the
        interpreter away and wait for it again, twice."""
        site = self._site
        if site.partitions == 1 and site.room.known():
            chunks = encode(requests[0] if len(requests) == 1 else list(chain.from_iterable(requests)))
            if len(chunks) == 1:
                return ranges(self._transact(lambda db: self._append_next(db, chunks[0]), begin=False), requests)
        return self._transact(lambda db: self._append(db, requests))

    def _append_next(self, db: sqlite3.Connection, chunk: tuple[int, bytes]) -> int:
        first = append_next(db, chunk, self._site.clock_ms())
        self._count(len(chunk[1]))
        return first

    def _append(self, db: Database, requests: list[Sequence[Record]]) -> list[Sequence[int]]:
        site = self._site
        site.room.check(db)
        ids, written = append(db, requests, site.partitions, site.clock_ms())
        self._count(written)
        return ids

    def _count(self, written: int) -> None:
        self._site.room.spend(written)
        self._unchecked_bytes += written

    def _job(self) -> None:
        future, job = self._jobs.popleft()
        self._in_flight = [future]
        try:
            result = self._transact(job)
        except Exception as error:  # noqa: BLE001 - the caller gets it
            self._tell([(future, error)])
        else:
            self._tell([(future, result)])

    def _transact(self, work: Callable[[sqlite3.Connection], T], *, begin: bool = True) -> T:
        """All of `work` or nothing (without `begin` it is one statement). Raises `LogError`; after an I/O error the next
        call has a new connection."""
        with self._site.lock:
            self._site.require_same()
            if self._db is None:
                self._db = self._site.connect()
            try:
                if self._doubtful:
                    settle(self._db)
                    self._doubtful = False
                if begin:
                    self._db.execute("BEGIN IMMEDIATE")
                result = work(self._db)
                if begin:
                    self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._give_up(sound=leaves_connection_sound(error))
                raise translate(error) from error
            except BaseException:
                self._give_up(sound=True)
                raise
            self._checkpoint()
            return result

    def _give_up(self, *, sound: bool) -> None:
        self._site.room.forget()
        db = self._db
        if db is None:
            return
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error:
            sound = False
        if not sound:
            self._db = None
            self._doubtful = True
            db.close()

    def _checkpoint(self) -> None:
        if self._unchecked_bytes < CHECKPOINT_BYTES or self._db is None:
            return
        self._unchecked_bytes = 0
        try:
            checkpoint(self._db)
        except sqlite3.Error as error:  # the commit stands; the copying back is tried again after as many bytes
            self._give_up(sound=leaves_connection_sound(error))

    def _tell(self, outcomes: list[Outcome]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._resolve, outcomes)


def resolve(outcomes: list[Outcome]) -> None:
    """On the loop: hand every waiting caller its result or error."""
    for waiter, result in outcomes:
        if waiter.done():  # cancelled, or given up by the watch
            continue
        try:
            if isinstance(result, Exception):
                waiter.set_exception(fresh(result))
            else:
                waiter.set_result(result)
        except Exception as error:  # noqa: BLE001 - the others of the group are told all the same
            asyncio.get_running_loop().call_exception_handler({"message": "A waiter failed", "exception": error})


def fresh(error: Exception) -> Exception:
    """One exception object per caller: tracebacks grow on a shared one."""
    if isinstance(error, LogFull):
        return LogFull(str(error), error.retry_after_s)
    if isinstance(error, OSError):  # a lock or the disk's figures, outside SQLite
        return LogUnavailable(f"The log's folder can't be used: {error}")
    if isinstance(error, LogError):
        copy = type(error)(str(error))
        copy.hint = error.hint
        return copy
    return error
