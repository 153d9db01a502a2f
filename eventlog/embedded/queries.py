"""Runs queries off the event loop, on one thread with one read-only connection, one after the other."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from eventlog.contract import LogUnavailable
from eventlog.embedded.faults import translate
from eventlog.embedded.file import Database

P = ParamSpec("P")
T = TypeVar("T")


class Queries:
    """A connection and its thread; both are made at the first query."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], require_same: Callable[[], None]) -> None:
        self._connect = connect
        self._require_same = require_same
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "log-queries")

    async def run(self, query: Callable[Concatenate[Database, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `query(connection, …)`. Raises `LogError`."""
        try:
            job = self._thread.submit(self._call, lambda db: query(db, *args, **kwargs))
        except RuntimeError as error:
            raise LogUnavailable("The log is closed") from error
        return await asyncio.wrap_future(job)

    def close(self) -> None:
        """Wait for the query that runs, then close."""
        self._thread.shutdown(cancel_futures=True)
        if self._db is not None:
            self._db.close()
            self._db = None

    def _call(self, query: Callable[[Database], T]) -> T:
        self._require_same()
        if self._db is None:
            self._db = self._connect()
            self._db.execute("PRAGMA query_only = ON")
        try:
            return query(self._db)
        except sqlite3.Error as error:
            self._db.close()
            self._db = None
            raise translate(error) from error
