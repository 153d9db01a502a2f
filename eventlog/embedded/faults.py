"""What an SQLite error means for the caller: no room, or try again. Knows no connection."""

from __future__ import annotations

import sqlite3
from typing import Final

from eventlog.contract import LogError, LogFull, LogUnavailable

_HINTS: Final[dict[int, str]] = {
    sqlite3.SQLITE_BUSY: "Another process holds the log's lock for very long; look for one that hangs.",
    sqlite3.SQLITE_CANTOPEN: "Check that the log's folder exists and may be written.",
    sqlite3.SQLITE_READONLY: "Make the log's folder writable for this user.",
    sqlite3.SQLITE_CORRUPT: "The file is damaged: check the disk and restore the log's folder from a copy.",
    sqlite3.SQLITE_NOTADB: "This is no log file: check the log's folder.",
}


def code_of(error: sqlite3.Error) -> int:
    """The primary result code, 0 where Python raised the error itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def leaves_connection_sound(error: sqlite3.Error) -> bool:
    """After these the same connection may be used again; after any other it is opened anew."""
    return code_of(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY}


def translate(error: sqlite3.Error) -> LogError:
    """The `LogError` that tells a caller what to do."""
    if code_of(error) == sqlite3.SQLITE_FULL:
        return LogFull("The disk of the log is full")
    failure = LogUnavailable(f"The log's file can't be used: {error}")
    failure.hint = _HINTS.get(code_of(error), "Check the disk of the log's folder; the log tries again by itself.")
    return failure
