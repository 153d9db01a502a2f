"""`POST /v1/events`: one event or a batch, each with its own verdict."""

from __future__ import annotations

import time
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from collector import cors, rewrite
from collector import metrics as m
from collector.accept import Verdict, judge, judge_decoded, refuse
from collector.answers import CLOSE, JSON_ONLY, Answer, Fault, error_answer
from collector.credentials import mask
from collector.exchange import Exchange
from collector.identity import text_of
from collector.ingest import Outcome, Pending, Tools, append, prepare, settle
from collector.intake import Intake
from collector.parse import Parsed, parse
from collector.wire import Disconnected, Incoming, check_media_type, decoded, read_body, respond, respond_and_drain
from eventlog.contract import Record
from schemas.decoding import DECODE_ERRORS
from schemas.record import encode, key_of
from schemas.rejection import CODES, Rejection
from schemas.sites import Grant

ENDPOINT: Final = "events"
NATIVE: Final = "native"
_ALLOW: Final = (b"allow", b"POST, OPTIONS")
_ONE: Final = b'{"accepted":1,"duplicates":0,"rejected":[],"receipt":"%s"}'


class Events(Intake):
    """The endpoint."""

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools, ENDPOINT)
        self._received = tools.metrics.tally(m.BYTES, ENDPOINT)
        self._accepted = tools.metrics.tally(m.ACCEPTED, NATIVE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self.tools.metrics
        started = time.perf_counter() if metrics.measured() else 0.0
        metrics.in_flight += 1
        incoming = Incoming(receive)
        exchange = Exchange(scope, self.tools)
        try:
            answer = await self._answer(exchange, incoming)
        except Disconnected:
            metrics.count(m.REFUSED, "disconnected")
            return
        except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a sender)
            answer = self.refused(error)
        finally:
            metrics.in_flight -= 1
        self.count_answer(answer.status)
        if CLOSE in answer.headers:
            await respond_and_drain(incoming, send, answer, exchange.cors)
        else:
            await respond(send, answer, exchange.cors)
        if started:
            metrics.observe(time.perf_counter() - started)

    def fault_answer(self, fault: Fault) -> Answer:
        """`{"error": …}`."""
        return error_answer(fault.code, fault.message, fault.headers, fault.hint)

    def cors_of(self, exchange: Exchange) -> cors.Headers:
        """What a page of another origin needs to read the answer."""
        return exchange.cors

    async def _answer(self, exchange: Exchange, receive: Receive) -> Answer:
        if exchange.scope["method"] != "POST":
            return self._other_method(exchange)
        self._check(exchange)
        grant = exchange.grant_early()
        body = await read_body(receive, exchange.headers, lambda: exchange.coming(grant))
        self.tools.held.bytes += len(body)
        try:
            pending = self._begin(exchange, body)
            return self.finish(exchange, pending, await append(self.tools, pending.records))
        finally:
            self.tools.held.bytes -= len(body)

    def _check(self, exchange: Exchange) -> None:
        self.overloaded()
        check_media_type(exchange.headers)

    def begin(self, exchange: Exchange, body: bytes) -> Pending:
        """From the whole body to what goes into the log. Raises `Fault` where nothing does."""
        self._check(exchange)
        return self._begin(exchange, body)

    def _begin(self, exchange: Exchange, body: bytes) -> Pending:
        grant = exchange.grant_early()
        self._received.amount += len(body)
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
        return prepare(self.tools, self._judge(exchange, grant, parsed))

    def finish(self, exchange: Exchange, pending: Pending, receipt: str) -> Answer:
        """The answer once the log has it."""
        if pending.fault is not None:
            self.tools.metrics.count(m.REJECTED, pending.fault.code)
            raise pending.fault
        own = exchange.cookie_for(pending.verdicts)
        if len(pending.fresh) == len(pending.verdicts) == 1 and pending.verdicts[0].record.dialect == NATIVE:
            self.tools.recent.remember(pending.fresh)  # one new event, as most requests have: nothing to sum up
            self._accepted.amount += 1
            return Answer(202, _ONE % receipt.encode(), JSON_ONLY, own)
        outcome = settle(self.tools, pending, receipt)
        return Answer(202, _body(outcome), JSON_ONLY, own)

    def _judge(self, exchange: Exchange, grant: Grant, parsed: Parsed) -> list[Verdict]:
        mint = parsed.single is None or not text_of(parsed.single.visitor_id)
        sender = exchange.sender(grant, parsed.sent_at, NATIVE, mint=mint)
        make_id = self.tools.make_id
        if parsed.batch is not None and parsed.read is not None:
            return [
                judge_decoded(event, raw if event.write_key is None else _keyless(raw), sender, parsed.suspect, make_id)
                for event, raw in zip(parsed.read, parsed.batch, strict=True)
            ]
        if parsed.batch is not None:
            return [judge(_keyless(raw), sender, parsed.suspect, make_id) for raw in parsed.batch]
        raw = parsed.body if parsed.write_key is None else rewrite.without(parsed.body, "write_key")
        if parsed.single is not None:
            return [judge_decoded(parsed.single, raw, sender, parsed.suspect, make_id)]
        if parsed.refused is None:
            raise AssertionError("a body is an event, a batch or a fault")
        return [refuse(raw, sender, parsed.refused)]

    def _kept(self, exchange: Exchange, grant: Grant, parsed: Parsed, fault: Fault) -> Pending:
        """A body that could not be read is kept whole, but for the keys in it."""
        sender = exchange.sender(grant, None, NATIVE)
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
        allowed, listed = self.tools.registry.allows(exchange.origin)
        if not allowed:
            raise Fault("forbidden_origin")
        exchange.cors = cors.preflight(exchange.origin, credentials=listed or exchange.same_site())
        return Answer(204)


def _keyless(raw: bytes) -> bytes:
    """An event of a batch without a key of its own."""
    if b'"write_key"' not in raw:
        return raw
    try:
        return rewrite.without(raw, "write_key")
    except DECODE_ERRORS:
        return mask(raw)


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
