"""One append on its way: how many of its records the brokers have, and where. Pure but for its future."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from eventlog.contract import LogError, Record


class Ticket:
    """Resolved when every record has its offset, or with the first failure."""

    def __init__(self, records: Sequence[Record], timestamp_ms: int) -> None:
        self.records = records
        self.timestamp_ms = timestamp_ms
        self.offsets = [-1] * len(records)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = len(records)

    @property
    def over(self) -> bool:
        """Nobody waits any more: what was not sent need not be sent."""
        return self.done.done()

    def placed(self, indexes: Sequence[int], first_offset: int) -> None:
        """These records are durable, at consecutive offsets."""
        for offset, index in enumerate(indexes, first_offset):
            self.offsets[index] = offset
        self._left -= len(indexes)
        if not self._left and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: LogError) -> None:
        """Some of the records could not be stored, or nobody knows."""
        if not self.done.done():
            self.done.set_exception(error)


class Share:
    """The records of one ticket that belong to one partition, in order; sent from the front."""

    __slots__ = ("indexes", "sent", "ticket")

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.indexes: list[int] = []
        self.sent = 0
