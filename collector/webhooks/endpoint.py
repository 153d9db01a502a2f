"""`POST /webhooks/{name}`: signature, replay, decoding, the log; 202 once all of it is durable.

What cannot be understood is a bad event, whole; what is not signed is refused and not kept.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from collector.accept import Sender, Verdict, judge, refuse
from collector.answers import JSON_TYPE, Answer, Fault
from collector.attempt import attempt
from collector.bounds import suspect
from collector.dialects.values import Object, read
from collector.exchange import Exchange
from collector.ingest import Tools, store
from collector.logs import place_of
from collector.webhooks import mapping, mautic
from collector.webhooks.memory import Memory
from collector.webhooks.signature import verified
from collector.wire import decoded, read_body, respond
from schemas.rejection import Rejection
from schemas.webhooks import FILE_NAME, Webhook, parse

PATH: Final = "/webhooks/"
DIALECT: Final = "webhook"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Webhooks:
    """The endpoint. `folder` holds the webhooks file and the memory of calls."""

    def __init__(self, tools: Tools, prefix: str, folder: Path) -> None:
        self._tools = tools
        self._prefix = f"{prefix}{PATH}"
        self._cut = len(prefix)
        self._path = folder / FILE_NAME
        self._memory = Memory(folder / "webhooks.sqlite3")
        self._log = structlog.get_logger("netiv.webhooks")

    def serves(self, path: str) -> bool:
        """Whether this path (with our prefix) is one of a webhook."""
        return path.startswith(self._prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if answer := await attempt(self._tools, DIALECT, self._answer(scope, receive)):
            await respond(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            raise Fault("method_not_allowed", headers=((b"allow", b"POST"),))
        exchange = Exchange(scope, self._tools)
        headers = exchange.headers
        body = await read_body(receive, headers, lambda: exchange.coming(None))
        path = scope["path"][self._cut :]
        webhook = await asyncio.to_thread(self._find, path[len(PATH) :])
        now_s = self._tools.now_ms() / 1000
        # An unknown name costs the same work as a known one, and gets the same answer.
        found = verified(webhook or Webhook("", "", "nobody"), path, headers, body, now_s)
        site = self._tools.registry.site(webhook.site) if webhook is not None else None
        if webhook is None or site is None or found is None:
            raise Fault("bad_signature")
        if await asyncio.to_thread(self._memory.seen, webhook.name, found, now_s):
            raise Fault("replayed")
        sender = Sender(site, True, self._tools.now_ms(), dialect=DIALECT)
        verdicts = self._verdicts(webhook, decoded(body, headers), sender)
        outcome = await store(self._tools, verdicts)
        await asyncio.to_thread(self._memory.remember, webhook.name, found, now_s)
        reply = {
            "accepted": outcome.accepted,
            "duplicates": outcome.duplicates,
            "rejected": [
                {"code": why.code, "pointer": why.pointer, "message": why.message} for _, why in outcome.rejected
            ],
            "receipt": outcome.receipt,
        }
        return Answer(202, msgspec.json.encode(reply), (JSON_TYPE,))

    def _find(self, name: str) -> Webhook | None:
        """Calls are rare, so the file is read at each."""
        try:
            return next((one for one in parse(self._path.read_bytes()).webhooks if one.name == name), None)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._log.error("webhooks_file_unreadable", error=type(error).__name__)
            raise Fault("not_ready") from None

    def _verdicts(self, webhook: Webhook, body: bytes, sender: Sender) -> list[Verdict]:
        document = read(body)
        if isinstance(document, Rejection):
            return [refuse(body, sender, document)]
        entries = mautic.entries_of(document) if webhook.kind == "mautic" else mapping.entries_of(webhook, document)
        if isinstance(entries, Rejection):
            return [refuse(body, sender, entries)]
        verdicts: list[Verdict] = []
        for entry in entries:
            raw = _encode(entry[1] if isinstance(entry, tuple) else entry)
            made = self._made(webhook, entry)
            if isinstance(made, Rejection):
                verdicts.append(refuse(raw, sender, made))
                continue
            events = made if isinstance(made, list) else [made]
            verdicts += [
                self._judged(event, f"{webhook.name}\x1f{index}", raw, sender) for index, event in enumerate(events)
            ]
        return verdicts or [refuse(body, sender, Rejection("empty_batch", "", "no entries"))]

    def _made(self, webhook: Webhook, entry: Any) -> list[Object] | Object | Rejection:
        try:
            return mautic.events_of(*entry) if webhook.kind == "mautic" else mapping.event_of(webhook, entry)
        except Exception as error:  # noqa: BLE001  (a shape nobody foresaw must not lose the others, nor itself)
            self._log.error("decoder_failed", webhook=webhook.name, error=type(error).__name__, place=place_of(error))
            return Rejection("undecodable", "", "a shape that is not known")

    def _judged(self, event: Object, mark: str, source: bytes, sender: Sender) -> Verdict:
        if event.get("event_id") is None:  # a call that comes again is the same event
            event = {**event, "event_id": hashlib.sha256(mark.encode() + source).hexdigest()[:32]}
        raw = _encode(event)
        return judge(raw, sender, suspect(raw), self._tools.make_id)
