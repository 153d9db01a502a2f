"""Sessions of outside readers: settings and temporary tables live in an engine handle that the session keeps.

A session gets its handle with its first SET or temporary table; until then it costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from consumers.warehouse.front_access import Refused
from consumers.warehouse.lane import Lane
from eventlog.afterwards import Afterwards

_SECONDS = 60.0
_SECONDS_MAX = 3600.0
_ID_CHARACTERS_MAX = 512


class Session:
    """One client's session."""

    def __init__(self) -> None:
        self.lane: Lane | None = None
        self.busy = False
        self.expiry: asyncio.TimerHandle | None = None


class Sessions:
    """All open sessions, by user and id."""

    def __init__(self, open_lane: Callable[[], Awaitable[Lane]], count_max: int, ids_max: int) -> None:
        self._open_lane = open_lane
        self._count_max = count_max
        self._ids_max = ids_max
        self._lanes = 0
        self._sessions: dict[tuple[str, str], Session] = {}
        self._closing = Afterwards()
        self.temporary_bytes: dict[Lane, int] = {}
        """What the temporary tables of open sessions take."""

    @asynccontextmanager
    async def use(self, key: tuple[str, str], timeout_s: float, *, must_exist: bool) -> AsyncIterator[Session]:
        """The session, for one query at a time. Raises `Refused` as ClickHouse does."""
        session = self._sessions.get(key)
        if session is None:
            if must_exist:
                raise Refused(372, "SESSION_NOT_FOUND", f"Session {key[1]} not found")
            if len(self._sessions) >= self._ids_max or len(key[1]) > _ID_CHARACTERS_MAX:
                raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many sessions, or too long an id")
            session = self._sessions[key] = Session()
        if session.busy:
            raise Refused(373, "SESSION_IS_LOCKED", f"Session {key[1]} is locked by a concurrent client")
        session.busy = True
        if session.expiry:
            session.expiry.cancel()
        try:
            yield session
        finally:
            session.busy = False
            wait_s = min(max(timeout_s, 0.0), _SECONDS_MAX)
            session.expiry = asyncio.get_running_loop().call_later(wait_s, self._expire, key)

    async def lane(self, session: Session) -> Lane:
        """The session's own lane, opened now if need be."""
        if session.lane is None:
            if self._lanes >= self._count_max:
                raise Refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"More than {self._count_max} sessions with state")
            self._lanes += 1  # before it is open: others ask meanwhile
            try:
                session.lane = await self._open_lane()
            except BaseException:
                self._lanes -= 1
                raise
        return session.lane

    def _expire(self, key: tuple[str, str]) -> None:
        session = self._sessions.pop(key)
        if session.lane is not None:
            self._lanes -= 1
            self.temporary_bytes.pop(session.lane, None)
            self._closing.begin(session.lane.close())

    async def close(self) -> None:
        """End every session."""
        for key, session in list(self._sessions.items()):
            if session.expiry:
                session.expiry.cancel()
            self._expire(key)
        await self._closing.ended()


def timeout_s(text: str) -> float:
    """What `session_timeout` says; raises `Refused` as ClickHouse does."""
    if not text:
        return _SECONDS
    if not (text.isascii() and text.isdecimal()):
        raise Refused(374, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: {text[:100]!r}")
    return float(text[:10])
