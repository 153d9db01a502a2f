"""Which queries run, by whom and under which id, so that a client may end its own: `KILL QUERY WHERE query_id = '…'`, as JDBC
drivers send it when a user presses Cancel. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_KILL: Final = re.compile(
    r"\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'([\w.:-]{1,200})'\s*(?:A?SYNC\s*)?;?\s*", re.IGNORECASE | re.ASCII
)


def id_to_kill(text: str) -> str | None:
    """The id that such a statement names; None for any other statement."""
    found = _KILL.fullmatch(text)
    return found.group(1) if found else None


def killed(query_id: str, user: str, count: int) -> str:
    """What stands for a KILL once it is done: a statement that gives ClickHouse's answer, a row for each query."""
    named = user.replace("\\", "\\\\").replace("'", "\\'")
    return f"SELECT 'waiting' AS kill_status, '{query_id}' AS query_id, '{named}' AS user, '' AS query FROM numbers({count})"


class Running:
    """Marks of queries (see `Reply.mark`) by who asks and the id they gave."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], list[str]] = {}

    @contextmanager
    def hold(self, user: str, query_id: str, mark: str) -> Iterator[None]:
        """While the query runs."""
        key = (user, query_id)
        self._marks.setdefault(key, []).append(mark)
        try:
            yield
        finally:
            self._marks[key].remove(mark)
            if not self._marks[key]:
                del self._marks[key]

    def marks(self, user: str, query_id: str) -> list[str]:
        """Of this user's queries with this id."""
        return list(self._marks.get((user, query_id), ()))
