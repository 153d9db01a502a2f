"""One ingest request on its way: its headers read once, its key checked, its sender described.

Shared by all ingest endpoints; holds what an answer needs (CORS headers) even when the request fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from starlette.types import Scope

from collector import cors
from collector import metrics as m
from collector.accept import Sender, Verdict
from collector.answers import Fault
from collector.client_ip import anonymise, subscriber
from collector.cookie import set_cookie, visitor_in
from collector.credentials import KEY_CHARS_MAX, key_in_header, key_in_query
from collector.held import PUBLIC_BYTES_MAX, UNNAMED_BYTES_MAX, Coming
from collector.ingest import Tools
from collector.wire import header_lines
from schemas.record import Accepted
from schemas.sites import Grant


class Exchange:
    """The state of one request. Not shared, not kept."""

    __slots__ = ("cookie", "cors", "early", "headers", "limited", "minted", "origin", "scope", "tools")

    def __init__(self, scope: Scope, tools: Tools, headers: dict[bytes, bytes] | None = None) -> None:
        """`headers`: the scope's by name, where they are so already."""
        self.scope = scope
        self.tools = tools
        self.headers: dict[bytes, bytes] = dict(scope["headers"]) if headers is None else headers
        origin = self.headers.get(b"origin")
        self.origin = cors.origin_of(origin) if origin is not None else None
        self.cors: cors.Headers = ()
        self.cookie = ""
        self.minted = ""
        self.early: Grant | None = None
        self.limited = True
        if self.origin is not None:
            allowed, _ = tools.registry.allows(self.origin)
            self.cors = cors.headers_for(self.origin, credentials=False) if allowed else (cors.VARY,)

    def key(self) -> str | None:
        """The key of the header or the query; None = look into the body."""
        authorization = self.headers.get(b"authorization")
        key = key_in_header(authorization) if authorization is not None else None
        if key is None and self.scope["query_string"]:
            key = key_in_query(self.scope["query_string"])
        return key

    def grant_early(self) -> Grant | None:
        """What the key of the header or the query opens, found once; None = the key is in the body. Raises `Fault`."""
        if self.early is None:
            authorization = self.headers.get(b"authorization")
            if authorization is not None and self.origin is None:
                self.early = self.tools.registry.grant_of(authorization)
            if self.early is None and (key := self.key()) is not None:
                self.early = self.grant(key)
        return self.early

    def grant(self, key: str | None) -> Grant:
        """What the key opens. Raises `Fault` for no key, an unknown one and a forbidden origin."""
        grant = self.tools.registry.grant((key or "")[:KEY_CHARS_MAX])
        if grant is None:
            raise Fault("unknown_key" if key else "missing_key", headers=((b"www-authenticate", b"Bearer"),))
        if self.origin is not None:
            if not cors.allowed(self.origin, grant):
                self.cors = (cors.VARY,)
                raise Fault("forbidden_origin")
            self.cors = cors.granted(self.origin, self.headers.get(b"host", b"").decode("latin-1"), grant)
            if grant.secret:
                self.tools.metrics.count(m.SECRET_IN_BROWSER, grant.site.name)
        return grant

    def sender(self, grant: Grant, sent_at: int | None, dialect: str, *, mint: bool = True) -> Sender:
        """Who sends. A server's own address, user agent and language say nothing about the visitor.

        `mint` is False where no event can need a new visitor. Raises `Fault` where the address sends too much."""
        now = self.tools.now_ms()
        if grant.secret:
            if dialect == "native" and b"x-netiv-import" in self.headers:
                dialect = "import"
            return Sender(grant.site, True, now, sent_at=sent_at, dialect=dialect)
        headers = self.headers
        if b"x-netiv-import" in headers:  # its rows would be taken for visits of whoever imports
            raise Fault("secret_key_needed")
        cookie = headers.get(b"cookie")
        self.cookie = visitor_in(cookie) if cookie is not None else ""
        self.minted = "" if self.cookie or not mint else self.tools.make_id().replace("-", "")
        peer = self._peer()
        if self.tools.rate is not None and self.limited:
            self.limited = False  # one request, whatever it holds
            wait_ms = self.tools.rate.wait_ms(subscriber(peer), now)
            if wait_ms:
                raise Fault("too_many_requests", headers=((b"retry-after", b"%d" % ceil(wait_ms / 1000)),))
        return Sender(
            grant.site,
            False,
            now,
            anonymise(peer),
            headers.get(b"user-agent", b"").decode("latin-1"),
            headers.get(b"accept-language", b"").decode("latin-1"),
            self.cookie,
            self.minted,
            sent_at,
            dialect,
        )

    def _peer(self) -> str:
        client = self.scope["client"]
        peer = client[0] if client else ""
        if b"x-forwarded-for" in self.headers:
            peer = self.tools.proxies.client(peer, header_lines(self.scope, b"x-forwarded-for"))
        return peer

    def coming(self, grant: Grant | None) -> Coming:
        """The room for a body that does not come whole. `grant`: what its key opens, where that is known before the body."""
        held = self.tools.held
        if grant is not None and grant.secret:
            return Coming(held)
        return Coming(held, UNNAMED_BYTES_MAX if grant is None else PUBLIC_BYTES_MAX, subscriber(self._peer()))

    def cookie_for(self, verdicts: Sequence[Verdict]) -> cors.Headers:
        """Sets or refreshes the visitor cookie where an accepted event goes by it and nothing was refused."""
        ours = self.cookie or self.minted
        if not ours or not all(verdict.consented for verdict in verdicts):
            return ()
        for verdict in verdicts:
            if isinstance(verdict.record, Accepted) and verdict.record.visitor_id == ours:
                return ((b"set-cookie", set_cookie(ours, self._secure())),)
        return ()

    def same_site(self) -> bool:
        """Whether the page that sends shares the collector's registrable domain."""
        host = self.headers.get(b"host", b"").decode("latin-1")
        return self.origin is not None and cors.same_site(self.origin, host)

    def _secure(self) -> bool:
        if self.scope["scheme"] == "https":
            return True
        client = self.scope["client"]
        forwarded = self.headers.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower()
        return forwarded == b"https" and client is not None and self.tools.proxies.trusts(client[0])
