"""`GET /r/{link}` and `GET /r?u=…&s=…`: records a click, then leads on. Never anywhere but to a stored or signed address.

A click that can't be recorded leads on all the same (a person waits for a page), and is counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from collector import metrics as m
from collector.accept import judge
from collector.answers import Answer, Fault, error_answer
from collector.bounds import suspect
from collector.exchange import Exchange
from collector.ingest import Tools, store
from collector.logs import place_of
from collector.watched import Stamp, stamp_of
from collector.wire import respond
from schemas.links import TOUCH_PARAMETERS, Link, parse, signed_by, target_of
from schemas.sites import Grant

ENDPOINT: Final = "redirect"
PATH: Final = "/r"
CHECK_INTERVAL_MS: Final = 1_000
_RECIPIENT: Final = "t"
_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
_PREFETCH: Final = (b"purpose", b"sec-purpose", b"x-purpose", b"x-moz")


class Click(msgspec.Struct, frozen=True):
    """Where a link leads, whose it is, what a click on it says."""

    site: str
    target: str
    touch: dict[str, str]
    name: str = ""
    recipient: str = ""


class StoredLinks:
    """The links file, read again when it changes."""

    def __init__(self, path: Path, now_ms: Any) -> None:
        self._path = path
        self._now_ms = now_ms
        self._checked_at = 0
        self._stamp: Stamp | None = None
        self._links: dict[str, Link] = {}
        self._log = structlog.get_logger("netiv.links")

    def find(self, name: str) -> Link | None:
        """The link of this name."""
        now = self._now_ms()
        if name not in self._links or now - self._checked_at >= CHECK_INTERVAL_MS:
            self._checked_at = now
            self._refresh()
        return self._links.get(name)

    def _refresh(self) -> None:
        try:
            stamp = stamp_of(self._path)
            if stamp != self._stamp:
                content = self._path.read_bytes() if stamp is not None else b""
                self._links = {link.name: link for link in parse(content).links}
                self._stamp = stamp
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._log.error("links_file_unreadable", error=type(error).__name__)  # the last good state stands


class Redirect:
    """The endpoint."""

    def __init__(self, tools: Tools, prefix: str, links: Path) -> None:
        self._tools = tools
        self._prefix = f"{prefix}{PATH}"
        self._links = StoredLinks(links, tools.now_ms)
        self._log = structlog.get_logger("netiv.redirect")

    def serves(self, path: str) -> bool:
        """Whether this path (with our prefix) is one of a link."""
        return path == self._prefix or path.startswith(f"{self._prefix}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        try:
            answer = await self._answer(Exchange(scope, self._tools))
        except Fault as fault:
            self._tools.metrics.count(m.REFUSED, fault.code)
            answer = error_answer(fault.code, fault.message, fault.headers, fault.hint)
        except Exception as error:  # noqa: BLE001  (the last resort: never a traceback to a person)
            self._log.error("request_failed", error=type(error).__name__, place=place_of(error))
            answer = error_answer("internal_error")
        self._tools.metrics.count(m.REQUESTS, f"{ENDPOINT} {answer.status}")
        await respond(send, answer)

    async def _answer(self, exchange: Exchange) -> Answer:
        if exchange.scope["method"] not in ("GET", "HEAD"):
            raise Fault("method_not_allowed", headers=((b"allow", b"GET, HEAD"),))
        click = self._click(exchange.scope["path"], exchange.scope["query_string"].decode("latin-1"))
        site = None if click is None else self._tools.registry.site(click.site)
        if click is None or site is None:
            raise Fault("not_found")
        location = (b"location", click.target.encode("ascii"))
        if exchange.scope["method"] == "HEAD" or any(
            b"prefetch" in exchange.headers.get(name, b"") for name in _PREFETCH
        ):
            return Answer(302, b"", (location, *_HEADERS))  # nobody has clicked yet
        try:
            cookie = await self._record(exchange, Grant(site, secret=False), click)
        except Fault as fault:
            self._tools.metrics.count(m.REFUSED, fault.code)
            cookie = ((b"x-netiv-error", fault.code.encode()),)
        return Answer(302, b"", (location, *_HEADERS, *cookie))

    def _click(self, path: str, query: str) -> Click | None:
        name = path[len(self._prefix) + 1 :]
        pairs = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
        if name:
            link = self._links.find(name)
            if link is None:
                return None
            return Click(link.site, _target(link.url), link.touch, name, pairs.get(_RECIPIENT, ""))
        content, mark, signature = query.rpartition("&s=")
        if not mark or "u" not in pairs:
            return None
        site = self._tools.registry.signer(lambda known: signed_by(content, signature, known, self._tools.now_ms()))
        if site is None:
            return None
        touch = {part: pairs[part] for part in TOUCH_PARAMETERS if pairs.get(part)}
        return Click(site.name, _target(pairs["u"]), touch, recipient=pairs.get(_RECIPIENT, ""))

    async def _record(self, exchange: Exchange, grant: Grant, click: Click) -> tuple[tuple[bytes, bytes], ...]:
        exchange.limited = False  # a person who clicks arrives
        sender = exchange.sender(grant, None, ENDPOINT)
        event: dict[str, Any] = {
            "type": "touch",
            "name": click.name or "link",
            "visitor_id": sender.cookie or sender.minted,
            "touch": {"kind": "click", **click.touch},
            "context": {"url": click.target},
        }
        referrer = exchange.headers.get(b"referer", b"").decode("utf-8", "replace")
        if referrer:
            event["context"]["referrer"] = referrer
        if click.recipient:
            event["identifiers"] = {"recipient": click.recipient}
        raw = msgspec.json.encode(event)
        verdict = judge(raw, sender, suspect(raw), self._tools.make_id)
        await store(self._tools, [verdict])
        return exchange.cookie_for([verdict])


def _target(url: str) -> str:
    try:
        return target_of(url)
    except ValueError:
        raise Fault("not_found") from None
