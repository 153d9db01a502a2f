"""`POST /v1/events`: one event or a batch, each with its own verdict."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from collector import cors, rewrite
from collector import metrics as m
from collector.accept import Verdict, judge, judge_decoded, refuse
from collector.answers import CLOSE, JSON_TYPE, Answer, Fault, error_answer
from collector.credentials import mask
from collector.direct import Direct
from collector.exchange import Exchange
from collector.held import retry_after
from collector.ingest import Outcome, Pending, Stored, Tools, append, fault_of, prepare, settle
from collector.logs import place_of
from collector.parse import Parsed, parse
from collector.wire import Disconnected, check_media_type, decoded, read_body, respond, respond_and_drain
from eventlog.contract import LogError, Position, Record
from schemas.record import encode, key_of
from schemas.rejection import CODES, Rejection
from schemas.sites import Grant

ENDPOINT: Final = "events"
# A request costs memory until the log has it; its body is counted besides (`held`).
IN_FLIGHT_MAX: Final = 1_024
# A request that arrives whole and is smaller counts as one request only: as many as may be in flight are 16 MiB.
SMALL_BYTES: Final = 16 * 1024
_ALLOW: Final = (b"allow", b"POST, OPTIONS")
_ONE: Final = b'{"accepted":1,"duplicates":0,"rejected":[],"receipt":"%s"}'


class Events:
    """The endpoint."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._log = structlog.get_logger("netiv.events")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self._tools.metrics
        started = time.perf_counter() if metrics.measured() else 0.0
        metrics.in_flight += 1
        exchange = Exchange(scope, self._tools)
        try:
            answer = await self._answer(exchange, receive)
        except Disconnected:
            metrics.count(m.REFUSED, "disconnected")
            return
        except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a sender)
            answer = self._refused(error)
        finally:
            metrics.in_flight -= 1
        metrics.answered(ENDPOINT, answer.status)
        if CLOSE in answer.headers:
            await respond_and_drain(receive, send, answer, exchange.cors)
        else:
            await respond(send, answer, exchange.cors)
        if started:
            metrics.observe(time.perf_counter() - started)

    def direct(self, request: Direct) -> None:
        """The same for a POST that arrived whole, without a task: most requests, so their cost is the collector's."""
        metrics = self._tools.metrics
        metrics.in_flight += 1
        size = len(request.body)
        if size > SMALL_BYTES:
            self._tools.held.bytes += size
        exchange = Exchange(request.scope, self._tools)
        try:
            self._check(exchange)
            pending = self._begin(exchange, bytes(request.body))
            if pending.records:
                self._tools.submit(pending.records, partial(self._stored, request, exchange, pending))
                return
            answer = self._finish(exchange, pending, ())
        except Exception as error:  # noqa: BLE001  (as above)
            answer = self._refused(error)
        self._done(request, exchange, answer)

    def _stored(self, request: Direct, exchange: Exchange, pending: Pending, stored: Stored) -> None:
        try:
            answer = self._finish(exchange, pending, stored())
        except CancelledError:
            answer = self._refused(Fault("log_unavailable", headers=(retry_after(),)))
        except Exception as error:  # noqa: BLE001  (as above)
            answer = self._refused(error)
        self._done(request, exchange, answer)

    def _done(self, request: Direct, exchange: Exchange, answer: Answer) -> None:
        metrics = self._tools.metrics
        metrics.in_flight -= 1
        if (size := len(request.body)) > SMALL_BYTES:
            self._tools.held.bytes -= size
        metrics.answered(ENDPOINT, answer.status)
        if metrics.measured():
            metrics.observe(request.age())
        request.answer(answer, exchange.cors)

    def _refused(self, error: Exception) -> Answer:
        if isinstance(error, LogError):
            error = fault_of(error)
        if isinstance(error, Fault):
            self._tools.metrics.count(m.REFUSED, error.code)
            return error_answer(error.code, error.message, error.headers)
        self._log.error("request_failed", error=type(error).__name__, place=place_of(error))
        return error_answer("internal_error")

    async def _answer(self, exchange: Exchange, receive: Receive) -> Answer:
        if exchange.scope["method"] != "POST":
            return self._other_method(exchange)
        self._check(exchange)
        exchange.grant_early()
        body = await read_body(receive, exchange.headers, self._tools.held)
        self._tools.held.bytes += len(body)
        try:
            pending = self._begin(exchange, body)
            return self._finish(
                exchange, pending, await append(self._tools, pending.records) if pending.records else ()
            )
        finally:
            self._tools.held.bytes -= len(body)

    def _check(self, exchange: Exchange) -> None:
        if self._tools.metrics.in_flight > IN_FLIGHT_MAX or self._tools.held.too_much:
            raise Fault("overloaded", headers=(retry_after(),))
        check_media_type(exchange.headers)

    def _begin(self, exchange: Exchange, body: bytes) -> Pending:
        """From the whole body to what goes into the log. Raises `Fault` where nothing does."""
        grant = exchange.grant_early()
        self._tools.metrics.count(m.BYTES, ENDPOINT, len(body))
        try:
            content = decoded(body, exchange.headers)
        except Fault as fault:
            if fault.code == "invalid_gzip" and grant is not None:
                return self._kept(exchange, grant, Parsed(body), fault)
            raise
        parsed = parse(content)
        if grant is None:
            grant = exchange.grant(parsed.write_key)
        if parsed.fault is not None:
            refusal = Fault(parsed.fault.code, _described(parsed))
            if parsed.fault.code == "batch_too_large":
                raise refusal
            return self._kept(exchange, grant, parsed, refusal)
        return prepare(self._tools, self._judge(exchange, grant, parsed))

    def _finish(self, exchange: Exchange, pending: Pending, positions: Sequence[Position]) -> Answer:
        """The answer once the log has it."""
        if pending.fault is not None:
            self._tools.metrics.count(m.REJECTED, pending.fault.code)
            raise pending.fault
        outcome = settle(self._tools, pending, positions)
        return Answer(202, _body(outcome), (JSON_TYPE, *exchange.cookie_for(pending.verdicts)))

    def _judge(self, exchange: Exchange, grant: Grant, parsed: Parsed) -> list[Verdict]:
        mint = parsed.single is None or not parsed.single.visitor_id
        sender = exchange.sender(grant, parsed.sent_at, "native", mint=mint)
        make_id = self._tools.make_id
        if parsed.batch is not None:
            return [judge(raw, sender, parsed.suspect, make_id) for raw in parsed.batch]
        raw = parsed.body if parsed.write_key is None else rewrite.without(parsed.body, "write_key")
        if parsed.single is not None:
            return [judge_decoded(parsed.single, raw, sender, parsed.suspect, make_id)]
        if parsed.refused is None:
            raise AssertionError("a body is an event, a batch or a fault")
        return [refuse(raw, sender, parsed.refused)]

    def _kept(self, exchange: Exchange, grant: Grant, parsed: Parsed, fault: Fault) -> Pending:
        """A body that could not be read is kept whole, but for the keys in it."""
        sender = exchange.sender(grant, None, "native")
        rejection = parsed.fault or Rejection(fault.code, "", CODES[fault.code][0])
        verdict = refuse(mask(parsed.body), sender, rejection)
        return Pending(
            [verdict], [Record(key_of(grant.site.name, verdict.subject), encode(verdict.record))], fault=fault
        )

    def _other_method(self, exchange: Exchange) -> Answer:
        if exchange.scope["method"] != "OPTIONS":
            raise Fault("method_not_allowed", headers=(_ALLOW,))
        if exchange.origin is None:
            exchange.cors = (_ALLOW, cors.VARY)
            return Answer(204)
        allowed, listed = self._tools.registry.allows(exchange.origin)
        if not allowed:
            raise Fault("forbidden_origin")
        exchange.cors = cors.preflight(exchange.origin, credentials=listed or exchange.same_site())
        return Answer(204)


def _described(parsed: Parsed) -> str:
    if parsed.fault is None:
        return ""
    return f"{parsed.fault.message} (at {parsed.fault.pointer})" if parsed.fault.pointer else parsed.fault.message


def _body(outcome: Outcome) -> bytes:
    if outcome.accepted == 1 and not outcome.duplicates and not outcome.rejected:
        return _ONE % outcome.receipt.encode()
    rejected = [
        {"index": place, "code": why.code, "pointer": why.pointer, "message": why.message, "hint": why.hint}
        for place, why in outcome.rejected
    ]
    return msgspec.json.encode(
        {
            "accepted": outcome.accepted,
            "duplicates": outcome.duplicates,
            "rejected": rejected,
            "receipt": outcome.receipt,
        }
    )
