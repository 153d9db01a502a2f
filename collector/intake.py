"""A request that arrived whole, from its bytes to its answer, without a task: what the direct endpoints share.

Most requests come this way, so its cost is the collector's. An endpoint says how to begin (what goes into the log) and
how to finish (the answer once the log has it).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

import structlog

from collector import cors
from collector import metrics as m
from collector.answers import Answer, Fault
from collector.direct import Direct
from collector.exchange import Exchange
from collector.held import retry_after
from collector.ingest import Pending, Tools, fault_of
from collector.logs import place_of
from collector.receipts import encode_runs
from eventlog.contract import DirectLog, LogError

# A body that is smaller counts as one request only: as many as may be in flight are 16 MiB.
SMALL_BYTES: Final = 16 * 1024


class Intake(ABC):
    """One endpoint."""

    tells_receipts = True
    """Whether `finish` is told the receipt; where no answer has it, it isn't made."""

    def __init__(self, tools: Tools, name: str) -> None:
        self.tools = tools
        self.name = name
        self._direct_log = tools.direct
        self._answered: dict[int, m.Tally] = {}
        self._log = structlog.get_logger(f"netiv.{name}")

    @abstractmethod
    def begin(self, exchange: Exchange, body: bytes) -> Pending:
        """What goes into the log. Raises `Fault` where nothing does."""

    @abstractmethod
    def finish(self, exchange: Exchange, pending: Pending, receipt: str) -> Answer:
        """The answer once the log has it, or where nothing went into it. Raises `Fault`."""

    @abstractmethod
    def fault_answer(self, fault: Fault) -> Answer:
        """The answer of a fault."""

    @abstractmethod
    def cors_of(self, exchange: Exchange) -> cors.Headers:
        """Headers of every answer, errors too."""

    def direct(self, request: Direct) -> None:
        """Takes a request whose body is here."""
        self.tools.metrics.in_flight += 1
        if (size := len(request.body)) > SMALL_BYTES:
            self.tools.held.bytes += size
        exchange = Exchange(request.scope, self.tools, request.headers)
        try:
            pending = self.begin(exchange, request.body)
            if pending.records:
                self._log_of_direct().submit(pending.records, Ticket(self, request, exchange, pending))
                return
            answer = self.finish(exchange, pending, "")
        except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a sender)
            answer = self.refused(error)
        self.answer(request, exchange, answer)

    def stored(self, request: Direct, exchange: Exchange, pending: Pending, places: Any) -> None:
        """The log has a direct request's records."""
        try:
            receipt = encode_runs(self._log_of_direct().runs(places)) if self.tells_receipts else ""
            answer = self.finish(exchange, pending, receipt)
        except Exception as error:  # noqa: BLE001  (as above)
            answer = self.refused(error)
        self.answer(request, exchange, answer)

    def _log_of_direct(self) -> DirectLog:
        if self._direct_log is None:
            raise TypeError("this log is awaited")
        return self._direct_log

    def refused(self, error: Exception) -> Answer:
        """The answer of an error."""
        if isinstance(error, LogError):
            error = fault_of(self.tools, error)
        if isinstance(error, Fault):
            self.tools.metrics.count(m.REFUSED, error.code)
            return self.fault_answer(error)
        self._log.error("request_failed", error=type(error).__name__, place=place_of(error))
        return self.fault_answer(Fault("internal_error"))

    def overloaded(self) -> None:
        """Raises `Fault` when more is in flight than memory is for."""
        if self.tools.metrics.in_flight > self.tools.in_flight_max or self.tools.held.too_much:
            raise Fault("overloaded", headers=(retry_after(),))

    def count_answer(self, status: int) -> None:
        """One request is answered."""
        tally = self._answered.get(status)
        if tally is None:
            tally = self._answered[status] = self.tools.metrics.tally(m.REQUESTS, f"{self.name} {status}")
        tally.amount += 1

    def answer(self, request: Direct, exchange: Exchange, answer: Answer) -> None:
        """Sends the answer of a direct request."""
        metrics = self.tools.metrics
        metrics.in_flight -= 1
        if (size := len(request.body)) > SMALL_BYTES:
            self.tools.held.bytes -= size
        tally = self._answered.get(answer.status)
        if tally is not None:
            tally.amount += 1
        else:
            self.count_answer(answer.status)
        if metrics.measured():
            metrics.observe(request.age())
        request.answer(answer, self.cors_of(exchange))


class Ticket:
    """A direct request that waits for the log. Stands where a future would, at a quarter of its cost."""

    __slots__ = ("_exchange", "_intake", "_pending", "_request", "_told")

    def __init__(self, intake: Intake, request: Direct, exchange: Exchange, pending: Pending) -> None:
        self._intake = intake
        self._request = request
        self._exchange = exchange
        self._pending = pending
        self._told = False

    def done(self) -> bool:
        """Whether it was told."""
        return self._told

    def set_result(self, places: Any, /) -> None:
        """The records are durable."""
        self._told = True
        self._intake.stored(self._request, self._exchange, self._pending, places)

    def set_exception(self, error: Any, /) -> None:
        """Nothing is promised of them."""
        self._told = True
        self._intake.answer(self._request, self._exchange, self._intake.refused(error))
