"""Durations and dates as people type them: `90`, `15m`, `36h`, `7d`; `2026-03-01`, `30d` (ago)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from netiv.errors import CommandError

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PATTERN = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*$")


def seconds(text: str) -> float:
    """The seconds of `text`; a usage error when it is none."""
    match = _PATTERN.match(text)
    if match is None:
        raise CommandError(f"{text!r} is not a duration", "Write a number and a unit: 90s, 15m, 36h, 7d, 2w.", code=2)
    return float(match[1]) * _UNITS[match[2]]


def moment(text: str, now: datetime) -> datetime:
    """A date, a time (ISO 8601, UTC when no zone is given) or a duration before `now`."""
    if _PATTERN.match(text):
        return now - timedelta(seconds=seconds(text))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{text!r} is not a date", "Write 2026-03-01, 2026-03-01T12:00, or 30d for 30 days ago.", code=2
        ) from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
