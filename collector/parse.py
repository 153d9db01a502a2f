"""A body as events: one, or a batch whose entries are judged one by one; or the reason why it can't be read. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from collector import bounds, salvage
from collector.accept import readable
from collector.credentials import key_in_unparsed
from collector.envelope import ENVELOPES, OUTLINES, Envelope, Sent, events_of, rejection_of
from schemas.clock import parse_ms
from schemas.decoding import DECODE_ERRORS
from schemas.event import Time
from schemas.limits import BATCH_EVENTS_MAX
from schemas.rejection import CODES, Rejection

_EVENTS: Final = b'"events"'
_BOM: Final = b"\xef\xbb\xbf"


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """What a body holds. `fault` refuses the request; `refused` is the verdict on its single event."""

    body: bytes
    suspect: bool = False
    single: Envelope | None = None
    batch: list[bytes] | None = None
    read: list[Sent] | None = None  # the events of the batch, where all of them can be read
    write_key: str | None = None
    sent_at: int | None = None
    fault: Rejection | None = None
    refused: Rejection | None = None


class _Batch(msgspec.Struct, frozen=True):
    """What matters of a batch's envelope."""

    events: list[msgspec.Raw] = []
    write_key: str | None = None
    sent_at: Time | None = None


_BATCHES: Final = msgspec.json.Decoder(_Batch)


def parse(body: bytes) -> Parsed:
    """Reads a body. Never raises."""
    try:
        envelope = ENVELOPES.decode(body)
    except DECODE_ERRORS as error:
        return _parse_refused(body, error)
    suspect = bounds.suspect(body)
    if envelope.events is not None:
        events = [bytes(raw) for raw in envelope.events]
        return _batch(body, _Batch([], envelope.write_key, envelope.sent_at), events, suspect, events_of(body))
    if suspect and not _is_utf8(body):
        return Parsed(body, write_key=envelope.write_key, fault=_not_utf8())
    return Parsed(body, suspect, envelope, write_key=envelope.write_key)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8() -> Rejection:
    return Rejection("invalid_utf8", "", CODES["invalid_utf8"][0])


def _batch(body: bytes, envelope: _Batch, events: list[bytes], suspect: bool, read: list[Sent] | None = None) -> Parsed:
    fault = None
    if not events:
        fault = Rejection("empty_batch", "/events", CODES["empty_batch"][0])
    elif len(events) > BATCH_EVENTS_MAX:
        fault = Rejection("batch_too_large", "/events", f"{len(events)} events")
    elif body.find(_EVENTS) != body.rfind(_EVENTS) and salvage.members_named(body, _EVENTS) > 1:
        # Of two members of one name a parser sees the last: the events of the first would be lost without a word.
        fault = Rejection("invalid_json", "/events", "`events` stands in the body more than once")
    sent_at = None
    if envelope.sent_at is not None:
        if readable(envelope.sent_at):
            sent_at = parse_ms(envelope.sent_at)
        elif fault is None:
            fault = Rejection("invalid_time", "/sent_at", CODES["invalid_time"][0])
    return Parsed(body, suspect, None, events, read, envelope.write_key, sent_at, fault)


def _parse_refused(body: bytes, error: Exception) -> Parsed:
    if body.startswith(_BOM):
        return parse(body[len(_BOM) :])
    fault = rejection_of(error, body)
    if isinstance(error, msgspec.ValidationError):
        return _parse_invalid(body, fault)
    split = salvage.split(body)
    if split is not None:
        try:
            return _batch(body, _BATCHES.decode(split.rest), split.events, suspect=True)
        except DECODE_ERRORS as rest_error:
            fault = rejection_of(rest_error, split.rest)
    return Parsed(body, write_key=key_in_unparsed(body), fault=fault)


def _parse_invalid(body: bytes, fault: Rejection) -> Parsed:
    """Well-formed JSON of the wrong types: an event is refused, a batch needs only its envelope to be right."""
    try:
        outline = OUTLINES.decode(body)
    except DECODE_ERRORS:
        return Parsed(body, write_key=key_in_unparsed(body), fault=fault)
    write_key = outline.write_key if isinstance(outline.write_key, str) else None
    if outline.events is msgspec.UNSET or bytes(outline.events) == b"null":
        if not _is_utf8(body):  # where a member is skipped, nobody has looked into its name
            return Parsed(body, write_key=write_key, fault=_not_utf8())
        return Parsed(body, write_key=write_key, refused=fault)
    try:
        batch = _BATCHES.decode(body)
    except DECODE_ERRORS as error:
        return Parsed(body, write_key=write_key, fault=rejection_of(error, body))
    return _batch(body, batch, [bytes(raw) for raw in batch.events], bounds.suspect(body))
