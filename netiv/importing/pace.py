"""How far an import may go ahead of the tables: what it sends stands in front of all that comes later, and a visit on the site would be
seen when the whole file is derived."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from netiv import lag
from netiv.errors import CommandError
from netiv.http import Client

# So many rows are derived while as many more are sent: no more than consumers take at once, so that they stay out of a backlog.
ROWS_MAX: Final = 10_000
# Nothing was derived for so long: consumers are stopped, and whoever imports has no reason to wait for them.
PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.2


class Pace:
    """Told of each batch that was sent; returns when the next one may be. `clock` and `sleep` in seconds."""

    def __init__(
        self, client: Client, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._rows = 0
        self._target: Mapping[str, int] = {}
        self._waits = True

    def sent(self, rows: int) -> None:
        """So many rows more are in the log."""
        self._rows += rows
        if self._rows < ROWS_MAX or not self._waits:
            return
        self._rows = 0
        told = self._ask()
        self._waits = self._reached(told)
        if not self._waits:
            print("Nothing is derived just now: the import does not wait for it. See `netiv doctor`.", file=sys.stderr)
        elif told is not None:
            self._target = told.acknowledged

    def _reached(self, told: lag.Lag | None) -> bool:
        """Wait until what was acknowledged at the last turn is derived; False when nothing moves."""
        seen, since = told, self._clock()
        while told is None or any(told.derived.get(part, 0) < end for part, end in self._target.items()):
            if self._clock() - since > PATIENCE_S:
                return False
            self._sleep(_PAUSE_S)
            told = self._ask()
            if told is not None and (seen is None or told.derived != seen.derived):
                seen, since = told, self._clock()
        return True

    def _ask(self) -> lag.Lag | None:
        """None where the collector can't tell, as while Kafka is away."""
        try:
            return lag.read(self._client)
        except CommandError:
            return None
