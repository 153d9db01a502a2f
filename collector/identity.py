"""Who an event names: the identifier that routes it, and whether it names anybody. Pure."""

from __future__ import annotations

from typing import Final

from schemas.clicks import click_of
from schemas.event import Event, Identifier
from schemas.limits import IDENTIFIER_CHARS_MAX, IDENTIFIERS_MAX
from schemas.rejection import CODES, Rejection

_LIMITED: Final = ("visitor_id", "user_id", "event_id", "session_id", "phone", "email")


def text_of(identifier: Identifier | None) -> str:
    """An identifier as text; numbers as their decimal text, a blank one as none."""
    if identifier is None:
        return ""
    return str(identifier).strip()


def routing_subject(event: Event, visitor_id: str) -> str:
    """What chooses the log's partition: the visitor, else the user, else the first identifier; "" = nobody."""
    if visitor_id:
        return visitor_id
    # Strongest first, so that everything of one browser, else of one person, stays in one partition, in order.
    for identifier in (event.user_id, event.email, event.phone):
        if identifier is not None and (subject := text_of(identifier)):
            return subject
    if event.identifiers:
        for kind in sorted(event.identifiers):
            if subject := text_of(event.identifiers[kind]):
                return f"{kind}={subject}"
    return ""


def clicked(event: Event) -> str:
    """The click id of an event that names nobody else, as `routing_subject` has it among the identifiers; "" = none."""
    context = event.context
    kind, value = click_of(context.click_ids, context.url) if context is not None else ("", "")
    return f"{kind}={value}" if kind and len(value) <= IDENTIFIER_CHARS_MAX else ""


def overlong_identifier(event: Event, raw: bytes) -> Rejection | None:
    """The first identifier that is a document rather than a name. `raw`: the event's JSON, which is no shorter than what it holds."""
    if len(raw) <= IDENTIFIER_CHARS_MAX and len(event.identifiers or ()) <= IDENTIFIERS_MAX:
        return None
    for value in (event.visitor_id, event.user_id, event.event_id, event.session_id, event.phone, event.email):
        if type(value) is str and len(value) > IDENTIFIER_CHARS_MAX:  # numbers that long were refused already
            name = next(name for name in _LIMITED if getattr(event, name) is value)
            return Rejection("identifier_too_long", f"/{name}", CODES["identifier_too_long"][0])
    if event.identifiers:
        if len(event.identifiers) > IDENTIFIERS_MAX:
            return Rejection("too_many_keys", "/identifiers", f"Over {IDENTIFIERS_MAX} identifiers")
        for kind, value in event.identifiers.items():
            if len(kind) > IDENTIFIER_CHARS_MAX or len(str(value)) > IDENTIFIER_CHARS_MAX:
                return Rejection("identifier_too_long", "/identifiers", CODES["identifier_too_long"][0])
    return None
