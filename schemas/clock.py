"""The time of an event, from up to three clocks: a pure function of what was recorded.

Client clocks are raw facts and are kept as sent; what is derived from them is bounded here, so that one broken clock
moves one event and nothing else. Knows no clock itself: `received_at` is given.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.limits import FUTURE_MAX_S, PUBLIC_AGE_MAX_S

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# Years 1 to 9999, which is what a date can say at all; also keeps arithmetic in 64 bits.
_PARSED_MIN: Final = -62_135_596_800_000
_PARSED_MAX: Final = 253_402_300_799_999
# Before 1990 no clock of the web was right, and none alive will see 2100: a wrong unit or an unset clock.
TS_MIN: Final = 631_152_000_000
TS_MAX: Final = 4_102_444_800_000


def parse_ms(value: str | float) -> int:
    """Epoch milliseconds of an ISO 8601 text (no zone = UTC), of epoch milliseconds, or of their text.

    Raises `ValueError` for anything else, for what is not finite and for what lies outside the years 1 to 9999."""
    if isinstance(value, str):
        return _bounded(_parse_text(value.strip()))
    if isinstance(value, bool) or not math.isfinite(value if abs(value) < 1 << 62 else math.inf):
        raise ValueError("not a time")
    return _bounded(int(value))


def _parse_text(text: str) -> int:
    if len(text) > 64 or not text.isascii():
        raise ValueError("not a time")
    digits = text[1:] if text[:1] == "-" else text
    if digits.isdigit() and len(digits) != 8:  # eight digits are the basic form of a date
        return int(text)
    leap = 0
    if ":60" in text[14:20] and "T" in text[:11].upper():  # a leap second, 23:59:60: one second after 23:59:59
        text, leap = text[:14] + text[14:].replace(":60", ":59", 1), 1000
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return (parsed - _EPOCH) // _MILLISECOND + leap


def _bounded(ms: int) -> int:
    if not _PARSED_MIN <= ms <= _PARSED_MAX:
        raise ValueError("outside the years 1 to 9999")
    return ms


def event_ts(received_at: int, sent_at: int | None, created_at: int | None, secret: bool) -> tuple[int, str]:
    """When it happened (epoch ms), and what was applied: `skew`, `created`, `received` or `clamped`.

    With both client clocks the skew cancels out: received − (sent − created). Without `sent_at` the sender's
    `created_at` stands as given; with neither it is the arrival. What cannot be (the future, before 1990, after 2100,
    and from a public sender an event that waited over ten years between the two readings of its own clock) is `clamped`
    to the arrival."""
    if created_at is None:
        return received_at, "received"
    ts, applied = created_at, "created"
    if sent_at is not None:
        age = sent_at - created_at
        if not secret and age > PUBLIC_AGE_MAX_S * 1000:
            return received_at, "clamped"
        ts, applied = received_at - age, "skew"
    if ts > received_at + FUTURE_MAX_S * 1000 or not TS_MIN <= ts < TS_MAX:
        return received_at, "clamped"
    return ts, applied
