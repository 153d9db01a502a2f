"""From decoded foreign events to verdicts: whose site, which visitor, which id where the client gives none."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec

from collector.accept import Sender, Verdict, judge, readable, refuse
from collector.answers import Fault
from collector.bounds import suspect
from collector.credentials import KEY_CHARS_MAX
from collector.dialects.contract import Decoded, Dialect, Item, Request
from collector.dialects.values import Object
from collector.exchange import Exchange
from collector.foreign_body import keys_in, masked
from collector.ingest import Tools
from schemas.clock import parse_ms
from schemas.rejection import Rejection
from schemas.sites import Grant, Site

_DAY_MS: Final = 86_400_000
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Judging:
    """The events of one request."""

    def __init__(self, tools: Tools, dialect: Dialect, exchange: Exchange) -> None:
        self._tools = tools
        self.dialect = dialect
        self._exchange = exchange
        self._senders: dict[tuple[str, bool], Sender] = {}

    def verdicts(self, decoded: Decoded) -> list[Verdict]:
        """One for each event and each refused piece. Raises `Fault` where no key opens a site."""
        if not decoded.items and not decoded.refused and not decoded.keys:
            return []
        grant = self.grant(decoded.keys)
        verdicts = [self._verdict(item, index, grant, decoded) for index, item in enumerate(decoded.items)]
        sender = self.sender(grant, decoded)
        return verdicts + [refuse(masked(piece.payload), sender, piece.rejection) for piece in decoded.refused]

    def grant(self, keys: tuple[str, ...]) -> Grant:
        """What the first key that opens a site opens. Raises `Fault`."""
        for key in keys:
            if self._tools.registry.grant(key[:KEY_CHARS_MAX]) is not None:
                return self._exchange.grant(key)
        own = self._exchange.key()
        return self._exchange.grant(own if own is not None or not keys else keys[0])

    def has_key(self) -> bool:
        """Whether the request itself carries a key, in its header or query."""
        return self._exchange.key() is not None

    def sender(self, grant: Grant, decoded: Decoded) -> Sender:
        """Who sends to this site; made once."""
        place = (grant.site.name, grant.secret)
        known = self._senders.get(place)
        if known is None:
            known = self._senders[place] = self._make_sender(grant, decoded)
        return known

    def _make_sender(self, grant: Grant, decoded: Decoded) -> Sender:
        sent_at = parse_ms(decoded.sent_at) if decoded.sent_at is not None and readable(decoded.sent_at) else None
        sender = self._exchange.sender(grant, sent_at, self.dialect.name)
        if decoded.anonymous:
            self._exchange.cookie = ""
            fresh = self._exchange.minted or self._tools.make_id().replace("-", "")
            return msgspec.structs.replace(sender, ip="", cookie="", minted="" if grant.secret else fresh)
        return sender

    def _verdict(self, item: Item, index: int, grant: Grant, decoded: Decoded) -> Verdict:
        if item.key and item.key not in decoded.keys[:1]:
            other = self._tools.registry.grant(item.key[:KEY_CHARS_MAX])
            if other is not None and other.site.name != grant.site.name:
                grant = self._exchange.grant(item.key)
            elif other is None and not grant.secret:
                fault = Rejection("undecodable", "", f"No site is called {item.key[:64]!r}")
                return refuse(_encode(item.event), self.sender(grant, decoded), fault)
        sender = as_relayed(self.sender(grant, decoded), item.event)
        event = item.event
        if event.get("event_id") is None:
            event = {**event, "event_id": self._derived_id(event, index, sender)}
        if self.dialect.cookieless and event.get("visitor_id") is None and not (sender.secret or sender.cookie):
            event = {**event, "visitor_id": derived_visitor(event, grant.site, sender)}
        raw = _encode(event)
        return judge(raw, sender, suspect(raw), self._tools.make_id)

    def _derived_id(self, event: object, index: int, sender: Sender) -> str:
        """The same content from the same sender within the dialect's retry window is one event."""
        window = sender.received_at // (self.dialect.retry_window_s * 1000)
        mark = f"{self.dialect.name}\x1f{sender.site.name}\x1f{sender.ip}\x1f{sender.user_agent}\x1f{index}\x1f{window}\x1f"
        return hashlib.sha256(mark.encode("utf-8", "replace") + _encode(event)).hexdigest()[:32]


def derived_visitor(event: Object, site: Site, sender: Sender) -> str:
    """A visitor for one day, of an address and an agent, for clients that keep no id. Keyed, so that it tells nothing.

    Where a server passes on its visitors' events, theirs count. The address goes into the hash and nowhere else."""
    context = event.get("context") or {}
    secret = "".join(key.sha256 for key in (*site.secret_keys, *site.write_keys)) or site.name
    content = f"{sender.received_at // _DAY_MS}\x1f{context.get('ip') or sender.ip}\x1f{context.get('user_agent') or sender.user_agent}"
    return hmac.new(secret.encode(), content.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


def as_relayed(sender: Sender, event: Object) -> Sender:
    """A server that passes on its visitors' events: its own address, agent and language say nothing about them."""
    if sender.secret or sender.user_agent.startswith("Mozilla/"):
        return sender
    context = event.get("context") or {}
    told = context.get("user_agent")
    if told is None and context.get("ip") is None:
        return sender
    return msgspec.structs.replace(sender, ip="", language="", user_agent=told if isinstance(told, str) else "")


def broken_verdicts(judging: Judging, request: Request, decoded: Decoded) -> list[Verdict]:
    """What could not be read, as bad events of the site that a key in it names; none where none does."""
    keys = (*decoded.keys, *keys_in(request.body))
    try:
        grant = judging.grant(keys)
    except Fault:
        if decoded.keys or judging.has_key():
            raise
        return []
    sender = judging.sender(grant, decoded)
    return [refuse(masked(piece.payload), sender, piece.rejection) for piece in decoded.refused]
