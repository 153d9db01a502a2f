"""`POST /v1/costs`: what advertising cost, from a server with the secret key; 202 once it is durable."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from collector import metrics as m
from collector.accept import Sender, refuse
from collector.answers import CLOSE, JSON_TYPE, Answer, Fault
from collector.attempt import attempt
from collector.credentials import mask
from collector.exchange import Exchange
from collector.ingest import Tools, append
from collector.statements import statements_of
from collector.wire import Incoming, check_media_type, decoded, read_body, respond, respond_and_drain
from eventlog.contract import Record
from schemas.record import Costs, encode, key_of
from schemas.rejection import Rejection

ENDPOINT: Final = "costs"
DIALECT: Final = "costs"


class CostReports:
    """The endpoint."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange, incoming = Exchange(scope, self._tools), Incoming(receive)
        answer = await attempt(self._tools, ENDPOINT, self._answer(exchange, incoming))
        if answer is None:
            return
        if CLOSE in answer.headers:
            await respond_and_drain(incoming, send, answer, exchange.cors)
        else:
            await respond(send, answer, exchange.cors)

    async def _answer(self, exchange: Exchange, receive: Receive) -> Answer:
        if exchange.scope["method"] != "POST":
            raise Fault("method_not_allowed", headers=((b"allow", b"POST"),))
        check_media_type(exchange.headers)
        grant = exchange.grant(exchange.key())
        if not grant.secret:
            raise Fault("secret_key_needed")
        sent = await read_body(receive, exchange.headers, lambda: exchange.coming(grant))
        body = decoded(sent, exchange.headers)
        self._tools.metrics.count(m.BYTES, ENDPOINT, len(body))
        sender = Sender(grant.site, True, self._tools.now_ms(), dialect=DIALECT)
        statements = statements_of(body, grant.site.name, sender.received_at, grant.site.currency)
        if isinstance(statements, Rejection):
            await self._keep(body, sender, statements)
            raise Fault(statements.code, f"{statements.message} (at {statements.pointer})", hint=_hint(statements))
        receipt = await append(self._tools, [record_of(one) for one in statements])
        told = {
            "accepted": sum(len(one.rows) for one in statements),
            "days": len(statements),
            "receipt": receipt,
        }
        return Answer(202, msgspec.json.encode(told), (JSON_TYPE,))

    async def _keep(self, body: bytes, sender: Sender, rejection: Rejection) -> None:
        verdict = refuse(mask(body), sender, rejection)
        await append(self._tools, [Record(key_of(sender.site.name, ""), encode(verdict.record))])
        self._tools.metrics.count(m.REJECTED, rejection.code)


def _hint(rejection: Rejection) -> str:
    """The codes' own hints are about events: their times and their schema. "" = the code's own."""
    if rejection.pointer.endswith("/day"):
        return "Write the day as YYYY-MM-DD; fields: docs/http.md."
    return "See the pointer; fields: docs/http.md." if rejection.code == "wrong_type" else ""


def record_of(statement: Costs) -> Record:
    """The record of a statement. All of one account goes one way, so that later ones come later."""
    return Record(key_of(statement.site, f"~costs:{statement.account}"), encode(statement))
