"""Acceptance: ordered, named, pure steps from one event's bytes to a record of the log, or to a rejection.

Knows no HTTP and no storage; the clock and ids are given. The first rejection ends an event, never its neighbours.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from collector import bounds, rewrite
from collector.client_ip import anonymise
from collector.envelope import SENT, rejection_of
from collector.identity import clicked, overlong_identifier, routing_subject, text_of
from schemas.clock import parse_ms
from schemas.decoding import DECODE_ERRORS
from schemas.event import Event, Time
from schemas.limits import IDENTIFIER_CHARS_MAX, NESTING_MAX
from schemas.record import Accepted, Bad
from schemas.rejection import CODES, Rejection
from schemas.sites import Site

_PLAIN_TIME_MAX: Final = 1 << 45  # epoch milliseconds of this millennium need no closer look
_ISO_CHARS: Final = 24
_from_iso: Final = datetime.fromisoformat
ORDER_VALUE_MAX: Final = 1e14  # Decimal(18,4): fourteen digits before the point


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Who sends, as far as the request tells: one per request."""

    site: Site
    secret: bool
    received_at: int
    ip: str = ""  # anonymised already
    user_agent: str = ""
    language: str = ""
    cookie: str = ""  # the visitor our cookie names
    minted: str = ""  # a visitor to use for an event that names nobody; "" = none may be made
    sent_at: int | None = None  # the batch's
    dialect: str = "native"


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An event on its way through the steps."""

    event: Event
    raw: bytes
    sender: Sender
    suspect: bool
    visitor_id: str
    subject: str  # whoever is named; "" = nobody


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What became of one event. `subject` routes it; `event_id` is "" where the sender gave none."""

    record: Accepted | Bad
    subject: str
    event_id: str = ""
    rejection: Rejection | None = None
    consented: bool = True


Step = Callable[[Draft], Rejection | None]
_REFUSALS: Final = (False, "denied", "false")  # the last is how an image's query says the first


def within_limits(draft: Draft) -> Rejection | None:
    """Bytes, strings, keys, nesting; and for a suspect body what must never be stored."""
    if (fault := bounds.over_limit(draft.raw)) is not None:
        return fault
    return bounds.unstorable(draft.raw) if draft.suspect else None


def typed(draft: Draft) -> Rejection | None:
    """`type` is there (its values are the decoder's concern)."""
    if draft.event.type is None:
        return Rejection("missing_type", "/type", CODES["missing_type"][0])
    return None


def identified(draft: Draft) -> Rejection | None:
    """The event, the cookie or the collector names somebody, in reasonable length."""
    if not draft.subject:
        return Rejection("missing_identifier", "", CODES["missing_identifier"][0])
    return overlong_identifier(draft.event, draft.raw)


def timed(draft: Draft) -> Rejection | None:
    """Both client clocks can be read."""
    event = draft.event
    if event.created_at is not None and not readable(event.created_at):
        return Rejection("invalid_time", "/created_at", CODES["invalid_time"][0])
    if event.sent_at is not None and not readable(event.sent_at):
        return Rejection("invalid_time", "/sent_at", CODES["invalid_time"][0])
    return None


def priced(draft: Draft) -> Rejection | None:
    """Money fits the tables."""
    order = draft.event.order
    if order is not None and order.value is not None and not abs(order.value) < ORDER_VALUE_MAX:
        return Rejection("invalid_number", "/order/value", CODES["invalid_number"][0])
    touch = draft.event.touch
    if touch is not None and touch.cost is not None and not abs(touch.cost) < ORDER_VALUE_MAX:
        return Rejection("invalid_number", "/touch/cost", CODES["invalid_number"][0])
    return None


STEPS: Final[tuple[Step, ...]] = (within_limits, typed, identified, timed, priced)


def plain(event: Event, raw: bytes, visitor_id: object) -> bool:
    """Whether the commonest kind of event, of this visitor and naming nobody else, passes all steps: told in one look; False
    asks the steps."""
    event_id, session_id = event.event_id, event.session_id
    return (
        len(raw) < bounds.MANY_KEYS_BYTES
        and bounds.opened(raw) <= NESTING_MAX
        and event.type is not None
        and type(visitor_id) is str
        and 0 < len(visitor_id) <= IDENTIFIER_CHARS_MAX
        and not visitor_id.isspace()
        and (event_id is None or (type(event_id) is str and len(event_id) <= IDENTIFIER_CHARS_MAX))
        and (session_id is None or (type(session_id) is str and len(session_id) <= IDENTIFIER_CHARS_MAX))
        and event.user_id is None
        and event.email is None
        and event.phone is None
        and event.identifiers is None
        and event.order is None
        and event.touch is None
        and (event.created_at is None or readable(event.created_at))
        and (event.sent_at is None or readable(event.sent_at))
    )


def readable(time: Time) -> bool:
    """Whether a client's time can be read."""
    if type(time) is str and len(time) == _ISO_CHARS and time[-1] == "Z":  # what toISOString() writes
        try:
            _from_iso(time)
            return True
        except ValueError:
            pass
    elif type(time) is int and 0 <= time < _PLAIN_TIME_MAX:
        return True
    try:
        parse_ms(time)
    except ValueError:
        return False
    return True


def judge(raw: bytes, sender: Sender, suspect: bool, make_id: Callable[[], str]) -> Verdict:
    """The verdict on one event's bytes."""
    try:
        event = SENT.decode(raw)
    except DECODE_ERRORS as error:
        return refuse(raw, sender, bounds.over_limit(raw) or rejection_of(error, raw))
    return judge_decoded(event, raw, sender, suspect, make_id)


def judge_decoded(event: Event, raw: bytes, sender: Sender, suspect: bool, make_id: Callable[[], str]) -> Verdict:
    """The verdict on an event that is decoded already."""
    visitor = (sender.cookie or sender.minted) if event.visitor_id is None else event.visitor_id
    if not suspect and plain(event, raw, visitor):
        visitor_id = subject = visitor.strip()  # type: ignore[union-attr]  # both are text, if anything
        event_id = event.event_id.strip() if event.event_id else ""  # type: ignore[union-attr]
    else:
        visitor_id, subject = named_by(event, sender)
        draft = Draft(event, raw, sender, suspect, visitor_id, subject)
        for step in STEPS:
            rejection = step(draft)
            if rejection is not None:
                return refuse(raw, sender, rejection, visitor_id)
        event_id = text_of(event.event_id)
    ip, user_agent, consent = sender.ip, sender.user_agent, True
    context = event.context
    if context is not None:
        if sender.secret:
            ip = anonymise(context.ip) if context.ip else ""
            user_agent = context.user_agent or ""
        if context.ip is not None:
            raw = rewrite.without_context(raw, "ip")
        consent = context.consent is None or consented(context.consent)
    record = Accepted(
        sender.site.name,
        sender.received_at,
        event_id or make_id(),
        visitor_id,
        raw,
        parse_ms(event.sent_at) if event.sent_at is not None else sender.sent_at,
        sender.secret,
        sender.dialect,
        ip,
        user_agent,
        sender.language,
        raw_contacts=sender.site.raw_contacts,
        currency=sender.site.currency,
        phone_region=sender.site.phone_region,
    )
    return Verdict(record, subject, event_id, None, consent)


def refuse(raw: bytes, sender: Sender, rejection: Rejection, visitor_id: str = "") -> Verdict:
    """A rejected event, whole, with the reason; only an address is taken out where it can be found."""
    if b'"ip"' in raw:
        with contextlib.suppress(*DECODE_ERRORS):
            raw = rewrite.without_context(raw, "ip")
    record = Bad(
        sender.site.name,
        sender.received_at,
        rejection.code,
        raw,
        rejection.pointer,
        rejection.message,
        sender.dialect,
        sender.secret,
        sender.sent_at,
        visitor_id[:IDENTIFIER_CHARS_MAX],
        sender.ip,
        sender.user_agent,
        sender.language,
    )
    return Verdict(record, visitor_id[:IDENTIFIER_CHARS_MAX], "", rejection)


def named_by(event: Event, sender: Sender) -> tuple[str, str]:
    """The visitor (the event's, else the cookie's, else a new one where the event names nobody at all), and who routes it; where no
    visitor can be made, a click id is better than nobody."""
    visitor_id = text_of(event.visitor_id) or sender.cookie
    subject = routing_subject(event, visitor_id)
    return (visitor_id, subject) if subject else (sender.minted, sender.minted or clicked(event))


def consented(consent: object) -> bool:
    """False where an event's consent says that analytics was refused: then no cookie is set."""
    told = consent.get("analytics") if isinstance(consent, dict) else consent
    return told not in _REFUSALS
