"""`GET /p.gif`: an event as an image, for mails and pages without JavaScript. Always answers the image."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

from collector import cors
from collector import metrics as m
from collector.accept import Sender, Verdict, judge, judge_decoded
from collector.answers import Answer, Fault, error_answer, status_of
from collector.bounds import suspect
from collector.exchange import Exchange
from collector.identity import text_of
from collector.image import GIF, GIF_TYPE, NO_STORE
from collector.ingest import Pending, Tools, append, prepare, settle
from collector.intake import Intake
from collector.pixel_event import encode, event_of
from collector.wire import respond
from schemas.event import Event

ENDPOINT: Final = "pixel"
_HEADERS: Final = (
    GIF_TYPE,
    NO_STORE,
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
_PLAIN: Final = Answer(200, GIF, _HEADERS)


class Pixel(Intake):
    """The endpoint."""

    tells_receipts = False

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools, ENDPOINT)
        self._accepted = tools.metrics.tally(m.ACCEPTED, ENDPOINT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        metrics = self.tools.metrics
        started = time.perf_counter() if metrics.measured() else 0.0
        if scope["method"] == "HEAD":  # whoever only asks whether the image is there has not seen it
            await respond(send, _PLAIN)
            return
        if scope["method"] != "GET":
            metrics.count(m.REFUSED, "method_not_allowed")
            await respond(send, error_answer("method_not_allowed", headers=((b"allow", b"GET, HEAD"),)))
            return
        metrics.in_flight += 1
        exchange = Exchange(scope, self.tools)
        try:
            pending = self.begin(exchange)
            answer = self.finish(exchange, pending, await append(self.tools, pending.records))
        except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a sender)
            answer = self.refused(error)
        finally:
            metrics.in_flight -= 1
        self.count_answer(answer.status)
        await respond(send, answer)
        if started:
            metrics.observe(time.perf_counter() - started)

    def begin(self, exchange: Exchange, body: bytes = b"") -> Pending:  # noqa: ARG002
        """The query's event. Raises `Fault`."""
        self.overloaded()
        grant = exchange.grant_early() or exchange.grant(None)
        referrer = exchange.headers.get(b"referer")
        event = event_of(exchange.scope["query_string"], referrer.decode("utf-8", "replace") if referrer else "")
        sender = exchange.sender(grant, None, ENDPOINT, mint=not text_of(event.get("visitor_id")))
        return prepare(self.tools, [self._judge(event, sender)])

    def _judge(self, made: dict[str, Any], sender: Sender) -> Verdict:
        """The verdict on what was made of the query; its JSON is read again only to say what is wrong with it."""
        raw = encode(made)
        odd = "seq" in made or raw.find(b"\\") >= 0  # the only number without a bound, and what may be a NUL
        try:
            event = msgspec.convert(made, Event)
        except msgspec.ValidationError:
            return judge(raw, sender, suspect(raw), self.tools.make_id)
        return judge_decoded(event, raw, sender, odd and suspect(raw), self.tools.make_id)

    def finish(self, exchange: Exchange, pending: Pending, receipt: str) -> Answer:
        """The image; a refused event's reason in a header."""
        own = exchange.cookie_for(pending.verdicts)
        if not pending.rejected and not pending.duplicates:  # a new event, as nearly all are: nothing to sum up
            self.tools.recent.remember(pending.fresh)
            self._accepted.amount += 1
            return Answer(200, GIF, _HEADERS, own) if own else _PLAIN
        outcome = settle(self.tools, pending, receipt)
        code = outcome.rejected[0][1].code if outcome.rejected else ""
        return _image(200, code, own=own)

    def fault_answer(self, fault: Fault) -> Answer:
        """The image, with the fault's status."""
        return _image(status_of(fault.code), fault.code, *fault.headers)

    def cors_of(self, exchange: Exchange) -> cors.Headers:  # noqa: ARG002
        """An image is anybody's."""
        return ()


def _image(status: int, code: str, *headers: tuple[bytes, bytes], own: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    error = ((b"x-netiv-error", code.encode()),) if code else ()
    return Answer(status, GIF, (*_HEADERS, *error, *headers) if error or headers else _HEADERS, own)
