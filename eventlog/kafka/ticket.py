"""One append on its way: how many of its records the brokers have, and where. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eventlog.contract import LogError, Record, Waiter


class Ticket:
    """Tells its waiter when every record has its place, or of the first failure."""

    __slots__ = ("_ended", "_waiter", "left", "over", "places", "records", "size", "timestamp_ms")

    def __init__(self, records: Sequence[Record], size: int, waiter: Waiter, ended: Callable[[Ticket], None]) -> None:
        """`ended` is called once, whatever the outcome."""
        self.records = records
        self.size = size
        self.places = [0] * len(records)
        self.over = False  # nobody waits any more: what was not sent need not be sent
        self.timestamp_ms = 0
        self.left = len(records)  # that are not durable yet
        self._waiter = waiter
        self._ended = ended

    def wanted(self) -> bool:
        """Whether somebody still waits."""
        if not self.over and self._waiter.done():
            self._end()
        return not self.over

    def placed(self) -> None:
        """All records are durable, and `places` says where."""
        if self.wanted():
            self._end()
            self._waiter.set_result(self.places)

    def failed(self, error: LogError) -> None:
        """Some of the records could not be stored, or nobody knows."""
        if self.wanted():
            self._end()
            self._waiter.set_exception(error)

    def _end(self) -> None:
        self.over = True
        self.records = ()
        self._ended(self)
