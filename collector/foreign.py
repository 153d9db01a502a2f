"""The endpoint of every foreign dialect: the same acceptance, limits, log and metrics as a native event, other clothes.

Its answers, errors included, can be read by any page (CORS), because a client that can't read a refusal sends for ever.
Nothing in them is private, so credentials may be allowed to any origin here.
"""

from __future__ import annotations

import time
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from collector import metrics as m
from collector.accept import Verdict
from collector.answers import CLOSE, Answer, Fault, status_of
from collector.credentials import KEY_CHARS_MAX
from collector.dialects import answers
from collector.dialects.catalogue import find
from collector.dialects.contract import Decoded, Dialect, Outcome, Refused, Request
from collector.exchange import Exchange
from collector.foreign_body import BATCH_EVENTS_MAX, BODY_BYTES_MAX, content_of
from collector.foreign_cors import headers_for, preflight
from collector.foreign_judging import Judging, broken_verdicts
from collector.held import retry_after
from collector.ingest import Tools, store
from collector.logs import place_of
from collector.wire import Disconnected, Incoming, read_body, respond, respond_and_drain
from schemas.record import Accepted
from schemas.rejection import CODES, Rejection
from schemas.sites import Grant

_ALLOW: Final = (b"allow", b"GET, POST, OPTIONS")


class Foreign:
    """One for all dialects; which it is tells the path."""

    def __init__(self, tools: Tools, prefix: str) -> None:
        self._tools = tools
        self._prefix = len(prefix)
        self._log = structlog.get_logger("netiv.foreign")

    def serves(self, path: str) -> bool:
        """Whether a path (with our prefix) is one of a dialect."""
        return find(path[self._prefix :]) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self._tools.metrics
        started = time.perf_counter() if metrics.measured() else 0.0
        path = scope["path"][self._prefix :]
        dialect = find(path)
        if dialect is None:
            raise AssertionError("routed here by `serves`")
        metrics.in_flight += 1
        incoming = Incoming(receive)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        cors = headers_for(headers.get(b"origin"))
        unread = False
        try:
            answer = await self._answer(dialect, path, scope, incoming)
        except Fault as fault:
            metrics.count(m.REFUSED, fault.code)
            status = dialect.gone_status if status_of(fault.code) == 413 else status_of(fault.code)
            answer = answers.refusal(status, fault.code, fault.message, *fault.headers)
            unread = CLOSE in fault.headers
        except Disconnected:
            metrics.count(m.REFUSED, "disconnected")
            return
        except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a sender)
            self._log.error("request_failed", error=type(error).__name__, place=place_of(error))
            answer = answers.refusal(500, "internal_error", "")
        finally:
            metrics.in_flight -= 1
        metrics.count(m.REQUESTS, f"{dialect.name} {answer.status}")
        if scope["method"] == "OPTIONS":
            cors = preflight(headers)
        if unread:
            await respond_and_drain(incoming, send, answer, cors)
        else:
            await respond(send, answer, cors)
        if started:
            metrics.observe(time.perf_counter() - started)

    async def _answer(self, dialect: Dialect, path: str, scope: Scope, receive: Receive) -> Answer:
        method = scope["method"]
        if method == "OPTIONS":
            return Answer(204)
        if method not in ("GET", "POST"):
            raise Fault("method_not_allowed", headers=(_ALLOW,))
        if self._tools.metrics.in_flight > self._tools.in_flight_max or self._tools.held.too_much:
            raise Fault("overloaded", headers=(retry_after(),))
        exchange = Exchange(scope, self._tools)
        head = Request(method, path, scope["query_string"], exchange.headers)
        body = await read_body(
            receive, exchange.headers, lambda: exchange.coming(self._known(dialect, exchange, head)), BODY_BYTES_MAX
        )
        request = Request(method, path, scope["query_string"], exchange.headers, body)
        stub = dialect.stub(request)
        if stub is not None:
            return stub
        if path not in dialect.paths and not dialect.matches(path):
            raise Fault("not_found")
        self._tools.metrics.count(m.BYTES, dialect.name, len(body))
        self._tools.held.bytes += len(body)
        try:
            return await self._take(dialect, exchange, request)
        finally:
            self._tools.held.bytes -= len(body)

    def _known(self, dialect: Dialect, exchange: Exchange, head: Request) -> Grant | None:
        """What a key in the path, the query or the headers opens. One that opens nothing refuses nothing yet: the body may
        have another, and a browser sends the password of a protected page in the same header."""
        for key in (*self._decode(dialect, head).keys, exchange.key() or ""):
            grant = self._tools.registry.grant(key[:KEY_CHARS_MAX])
            if grant is not None:
                return grant
        return None

    async def _take(self, dialect: Dialect, exchange: Exchange, request: Request) -> Answer:
        content = content_of(request)
        if isinstance(content, Rejection):
            decoded = Decoded(refused=[Refused(request.body, content)], broken=True)
        else:
            request = Request(request.method, request.path, request.query, request.headers, content)
            decoded = self._decode(dialect, request)
        if len(decoded.items) + len(decoded.refused) > BATCH_EVENTS_MAX:
            raise Fault("batch_too_large")
        judging = Judging(self._tools, dialect, exchange)
        if decoded.broken and decoded.refused:
            return await self._keep(judging, request, decoded)
        verdicts = judging.verdicts(decoded)
        outcome = Outcome()
        cookie: tuple[tuple[bytes, bytes], ...] = ()
        if verdicts and decoded.dry:
            outcome = Outcome(rejected=[verdict.rejection for verdict in verdicts if verdict.rejection is not None])
        elif verdicts:
            stored = await store(self._tools, verdicts)
            rejected = [rejection for _, rejection in stored.rejected]
            outcome = Outcome(stored.accepted + stored.duplicates, rejected, _visitor(verdicts))
            cookie = () if decoded.anonymous else exchange.cookie_for(verdicts)
        answer = dialect.answer(request, outcome)
        return Answer(answer.status, answer.body, (*answer.headers, *cookie))

    def _decode(self, dialect: Dialect, request: Request) -> Decoded:
        try:
            return dialect.decode(request)
        except Exception as error:  # noqa: BLE001  (no decoder may raise; a bug in one must not lose what was sent)
            self._log.error("decoder_failed", dialect=dialect.name, error=type(error).__name__, place=place_of(error))
            fault = Rejection("undecodable", "", CODES["undecodable"][0])
            return Decoded(refused=[Refused(request.body or request.query, fault)], broken=True)

    async def _keep(self, judging: Judging, request: Request, decoded: Decoded) -> Answer:
        """A body nobody can read: kept whole where its site can be found, and refused for good."""
        fault = decoded.refused[0].rejection
        verdicts = broken_verdicts(judging, request, decoded)
        if verdicts and not decoded.dry:
            await store(self._tools, verdicts)
        if decoded.dry:
            return judging.dialect.answer(request, Outcome(rejected=[fault]))
        return answers.refusal(400, fault.code, fault.message)


def _visitor(verdicts: list[Verdict]) -> str:
    return next((verdict.record.visitor_id for verdict in verdicts if isinstance(verdict.record, Accepted)), "")
