"""From events to what goes over the wire: batches, single posts, gzip, pixels.

Some of it late, some out of order, some of it twice.
"""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlencode

import msgspec

from netiv.demo.diary import Sent

_SERVER_BATCH = 25
_WINDOW = 30  # parcels that may overtake one another
_TWICE = 0.04
_SHOP_AGENT = "NetivShop/2.1 (order service)"


class Parcel(msgspec.Struct, frozen=True):
    """One request to be. `form`: single, batch, gzip or pixel."""

    form: str
    events: tuple[dict[str, Any], ...]
    secret: bool
    user_agent: str


def pack(rng: random.Random, sent: list[Sent]) -> list[Parcel]:
    """All parcels in the order of sending: nearly that of time, late ones at the end, some again."""
    timed = [
        *_from_devices(rng, [s for s in sent if s.via != "server"]),
        *_from_server([s for s in sent if s.via == "server"]),
    ]
    punctual = [parcel for at, late, parcel in sorted(timed, key=lambda entry: entry[0]) if not late]
    late = [parcel for _, late, parcel in timed if late]
    for start in range(0, len(punctual), _WINDOW):
        window = punctual[start : start + _WINDOW]
        rng.shuffle(window)
        punctual[start : start + _WINDOW] = window
    rng.shuffle(late)
    order = punctual + late
    again = [parcel for parcel in order if rng.random() < _TWICE]
    for parcel in again:
        order.insert(rng.randint(0, len(order)), parcel)
    return order


def _from_devices(rng: random.Random, sent: list[Sent]) -> list[tuple[int, bool, Parcel]]:
    """A visit goes out in the pieces a page flushes; touches one by one, some as pixels."""
    flows: dict[str, list[Sent]] = {}
    for one in sent:
        flows.setdefault(one.flow, []).append(one)
    parcels: list[tuple[int, bool, Parcel]] = []
    for flow in flows.values():
        while flow:
            size = rng.choice((1, 2, 5, 10))
            piece, flow = flow[:size], flow[size:]
            events = tuple(one.event for one in piece)
            if piece[0].via == "pixel":
                form, events = "pixel", events[:1]
            else:
                form = "single" if len(events) == 1 else rng.choice(("batch", "batch", "gzip"))
                if len(events) > 1 and rng.random() < 0.05:
                    events = (*events, events[0])  # a queue that was flushed twice
            parcels.append(
                (piece[-1].ts, piece[0].late, Parcel(form, events, secret=False, user_agent=piece[0].user_agent))
            )
    return parcels


def _from_server(sent: list[Sent]) -> list[tuple[int, bool, Parcel]]:
    """The back end exports in batches, with the secret key."""
    parcels: list[tuple[int, bool, Parcel]] = []
    ordered = sorted(sent, key=lambda one: one.ts)
    for start in range(0, len(ordered), _SERVER_BATCH):
        piece = ordered[start : start + _SERVER_BATCH]
        form = "gzip" if start // _SERVER_BATCH % 2 else "batch"
        parcels.append(
            (piece[-1].ts, False, Parcel(form, tuple(one.event for one in piece), secret=True, user_agent=_SHOP_AGENT))
        )
    return parcels


def pixel_query(event: dict[str, Any]) -> str:
    """An event as the pixel's parameters: the fields of `touch` stand beside the event's own."""
    fields = {name: str(value) for name, value in {**event, **event.get("touch", {})}.items() if name != "touch"}
    return urlencode(fields)
