"""`GET /p.gif`: an event as an image, for mails and pages without JavaScript. Always answers the image."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from collector import metrics as m
from collector.accept import judge
from collector.answers import Answer, Fault, error_answer, status_of
from collector.bounds import suspect
from collector.direct import Direct
from collector.events import IN_FLIGHT_MAX
from collector.exchange import Exchange
from collector.held import retry_after
from collector.ingest import Pending, Stored, Tools, append, fault_of, prepare, settle
from collector.logs import place_of
from collector.pixel_event import event_json
from collector.wire import respond
from eventlog.contract import LogError, Position

ENDPOINT: Final = "pixel"
GIF: Final = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_HEADERS: Final = (
    (b"content-type", b"image/gif"),
    (b"cache-control", b"no-store, no-cache, must-revalidate, private"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)


class Pixel:
    """The endpoint."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._log = structlog.get_logger("netiv.pixel")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        metrics = self._tools.metrics
        started = time.perf_counter() if metrics.measured() else 0.0
        if scope["method"] != "GET":
            metrics.count(m.REFUSED, "method_not_allowed")
            await respond(send, error_answer("method_not_allowed", headers=((b"allow", b"GET"),)))
            return
        metrics.in_flight += 1
        exchange = Exchange(scope, self._tools)
        try:
            pending = self._begin(exchange)
            positions = await append(self._tools, pending.records) if pending.records else ()
            answer = self._finish(exchange, pending, positions)
        except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a sender)
            answer = self._refused(error)
        finally:
            metrics.in_flight -= 1
        metrics.answered(ENDPOINT, answer.status)
        await respond(send, answer)
        if started:
            metrics.observe(time.perf_counter() - started)

    def direct(self, request: Direct) -> None:
        """The same without a task."""
        self._tools.metrics.in_flight += 1
        exchange = Exchange(request.scope, self._tools)
        try:
            pending = self._begin(exchange)
            if pending.records:
                self._tools.submit(pending.records, partial(self._stored, request, exchange, pending))
                return
            answer = self._finish(exchange, pending, ())
        except Exception as error:  # noqa: BLE001  (as above)
            answer = self._refused(error)
        self._done(request, answer)

    def _stored(self, request: Direct, exchange: Exchange, pending: Pending, stored: Stored) -> None:
        try:
            answer = self._finish(exchange, pending, stored())
        except CancelledError:
            answer = self._refused(Fault("log_unavailable", headers=(retry_after(),)))
        except Exception as error:  # noqa: BLE001  (as above)
            answer = self._refused(error)
        self._done(request, answer)

    def _done(self, request: Direct, answer: Answer) -> None:
        metrics = self._tools.metrics
        metrics.in_flight -= 1
        metrics.answered(ENDPOINT, answer.status)
        if metrics.measured():
            metrics.observe(request.age())
        request.answer(answer)

    def _begin(self, exchange: Exchange) -> Pending:
        if self._tools.metrics.in_flight > IN_FLIGHT_MAX:
            raise Fault("overloaded", headers=(retry_after(),))
        grant = exchange.grant(exchange.key())
        sender = exchange.sender(grant, None, ENDPOINT)
        referrer = exchange.headers.get(b"referer", b"").decode("utf-8", "replace")
        raw = event_json(exchange.scope["query_string"], referrer)
        return prepare(self._tools, [judge(raw, sender, suspect(raw), self._tools.make_id)])

    def _finish(self, exchange: Exchange, pending: Pending, positions: Sequence[Position]) -> Answer:
        outcome = settle(self._tools, pending, positions)
        code = outcome.rejected[0][1].code if outcome.rejected else ""
        return _image(200, code, *exchange.cookie_for(pending.verdicts))

    def _refused(self, error: Exception) -> Answer:
        if isinstance(error, LogError):
            error = fault_of(error)
        if isinstance(error, Fault):
            self._tools.metrics.count(m.REFUSED, error.code)
            return _image(status_of(error.code), error.code, *error.headers)
        self._log.error("request_failed", error=type(error).__name__, place=place_of(error))
        return _image(500, "internal_error")


def _image(status: int, code: str, *headers: tuple[bytes, bytes]) -> Answer:
    error = ((b"x-netiv-error", code.encode()),) if code else ()
    return Answer(status, GIF, (*_HEADERS, *error, *headers))
