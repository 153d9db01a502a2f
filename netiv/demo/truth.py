"""What really happened, as the simulator knows it: who is who, sessions, touches, conversions and their paths.

All times are epoch milliseconds, and unique over the world, so that a time names its touch.
"""

from __future__ import annotations

import msgspec

DAY_MS = 86_400_000
LOOKBACK_MS = 90 * DAY_MS
LOOKBACK_PASSIVE_MS = 30 * DAY_MS
PASSIVE_KINDS = frozenset({"impression", "open"})


class Touch(msgspec.Struct, frozen=True, order=True):
    """One touchpoint: the entry of a session, or an explicit touch."""

    ts: int
    person: str
    kind: str
    channel: str
    node: str


class Session(msgspec.Struct, frozen=True):
    """One session of one device."""

    visitor_id: str
    person: str
    started_at: int
    ended_at: int
    events: int
    channel: str


class Conversion(msgspec.Struct, frozen=True):
    """One conversion; `value` in agorot, after refunds; `path` its channels in order."""

    person: str
    ts: int
    name: str
    order_id: str
    value: int
    path: list[str]


class Truth(msgspec.Struct, frozen=True):
    """The whole of it. `owners` maps every event id to its person; `visitors` every device to those who used it."""

    prefix: str
    since: int
    until: int
    owners: dict[str, str]
    visitors: dict[str, list[str]]
    sessions: list[Session]
    touches: list[Touch]
    conversions: list[Conversion]


def path_of(touches: list[Touch], at: int) -> list[str]:
    """The channels of a conversion at `at`: the person's touches within the look-back, in order."""
    return [touch.channel for touch in sorted(touches) if touch.ts <= at and at - touch.ts <= _reach(touch)]


def _reach(touch: Touch) -> int:
    return LOOKBACK_PASSIVE_MS if touch.kind in PASSIVE_KINDS else LOOKBACK_MS
