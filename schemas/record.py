"""What one record of the log holds: an accepted event, something that could not be understood (kept whole), that such a
thing was mended, or what advertising cost.

Encoded as MessagePack arrays. Fields are only ever appended, each with a default, so that a consumer reads the
records of an older collector and an older consumer skips what a newer one added.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas.costs import Spent
from schemas.sites import PHONE_REGION


class Accepted(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="e"):
    """One accepted event. `event` is the sender's own JSON (or a dialect's canonical JSON), never rewritten but for
    what may not be stored (`context.ip`). Times are epoch milliseconds, UTC."""

    site: str
    received_at: int
    event_id: str  # the sender's, else made by the collector
    visitor_id: str  # the event's, else the cookie's, else "" (a server event)
    event: bytes
    sent_at: int | None = None
    secret: bool = False  # sent with the secret key
    dialect: str = "native"
    ip: str = ""  # already anonymised: /24 for IPv4, /48 for IPv6
    user_agent: str = ""
    language: str = ""  # the Accept-Language header
    trace: str = ""  # W3C traceparent of the request, where it was traced
    raw_contacts: bool = False  # the site wants addresses and phone numbers in its tables as they were sent
    currency: str = ""  # the site's, for amounts without one
    phone_region: str = PHONE_REGION  # the site's, for phone numbers without a country


class Bad(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="b"):
    """Something refused, whole, with the reason. `payload` is what was sent (an event, or a body nobody could parse)."""

    site: str
    received_at: int
    code: str
    payload: bytes
    pointer: str = ""
    message: str = ""
    dialect: str = "native"
    secret: bool = False
    sent_at: int | None = None
    visitor_id: str = ""
    ip: str = ""
    user_agent: str = ""
    language: str = ""


class Costs(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """What an advertising account cost on a day (YYYY-MM-DD): all of it, so it replaces what was said before."""

    site: str
    received_at: int
    account: str
    day: str
    rows: list[Spent]


Place = tuple[int, int, int]
"""Where a record is in the log: generation, partition, offset."""


class Mended(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """That bad events were replayed and nothing of them is bad any more."""

    received_at: int
    places: list[Place]


AnyRecord = Accepted | Bad | Costs | Mended
# The bytes of one record. (A function of its own around it would cost as much again.)
encode: Callable[[AnyRecord], bytes] = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[AnyRecord] = msgspec.msgpack.Decoder(AnyRecord)


def decode(value: bytes) -> AnyRecord:
    """The record of these bytes. Raises `msgspec.MsgspecError` for bytes that are none."""
    return _decoder.decode(value)


def key_of(site: str, subject: str) -> bytes:
    """The log's partitioning key: everything of one visitor of one site stays in one partition, in order."""
    return f"{site}\x1f{subject}".encode()
