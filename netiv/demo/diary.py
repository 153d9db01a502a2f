"""One world being written: the events as senders send them beside the truth about them.

Hands out event ids and moments (each millisecond once), so that nothing in the world is ambiguous.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import msgspec

from netiv.demo.truth import Conversion, Session, Touch, Truth, path_of

_TABLET_APART_MS = 2 * 3_600_000


class Sent(msgspec.Struct, frozen=True):
    """One event and how it goes out. `flow` groups what one device sends together; via: browser, pixel or server."""

    ts: int
    event: dict[str, Any]
    via: str
    flow: str
    user_agent: str = ""
    late: bool = False


class Order(msgspec.Struct):
    """A conversion in the making: refunds still change its value (agorot)."""

    person: str
    ts: int
    name: str
    order_id: str
    value: int


class Diary:
    """Collects what is sent and what is true."""

    def __init__(self, rng: random.Random, prefix: str, since: int, until: int) -> None:
        self.rng = rng
        self.prefix = prefix
        self.since = since
        self.until = until
        self.sent: list[Sent] = []
        self.sessions: list[Session] = []
        self.touches: list[Touch] = []
        self.orders: list[Order] = []
        self._owners: dict[str, str] = {}
        self._visitors: dict[str, list[str]] = {}
        self._moments: set[int] = set()
        self._reserved: dict[str, list[int]] = {}

    def moment(self, at: int) -> int:
        """The first free millisecond from `at` on."""
        while at in self._moments:
            at += 1
        self._moments.add(at)
        return at

    def reserve(self, visitor_id: str, at: int) -> bool:
        """Take a shared device for a visit at `at`; False when somebody has it within two hours of that."""
        taken = self._reserved.setdefault(visitor_id, [])
        if any(abs(other - at) < _TABLET_APART_MS for other in taken):
            return False
        taken.append(at)
        return True

    def write(self, person: str, sent: Sent) -> None:
        """Keep one event: give it an id and its time, and note whose it is."""
        event_id = f"{self.prefix}e{len(self.sent)}"
        created: str | int = sent.ts
        if self.rng.random() < 0.5:
            created = (
                datetime.fromtimestamp(sent.ts / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            )
        event = {"event_id": event_id, **sent.event, "created_at": created}
        self.sent.append(msgspec.structs.replace(sent, event=event))
        self._owners[event_id] = person
        visitor = sent.event.get("visitor_id")
        if visitor and person not in self._visitors.setdefault(visitor, []):
            self._visitors[visitor].append(person)

    def order_id(self) -> str:
        """The next order number."""
        return f"{self.prefix}o{len(self.orders)}"

    def truth(self) -> Truth:
        """What is true now that everything is written."""
        by_person: dict[str, list[Touch]] = {}
        for touch in self.touches:
            by_person.setdefault(touch.person, []).append(touch)
        conversions = [
            Conversion(o.person, o.ts, o.name, o.order_id, o.value, path_of(by_person.get(o.person, []), o.ts))
            for o in self.orders
        ]
        return Truth(
            prefix=self.prefix,
            since=self.since,
            until=self.until,
            owners=self._owners,
            visitors=self._visitors,
            sessions=sorted(self.sessions, key=lambda session: session.started_at),
            touches=sorted(self.touches),
            conversions=sorted(conversions, key=lambda conversion: conversion.ts),
        )
