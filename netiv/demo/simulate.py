"""The world of a seed: who did what, as parcels to send and as the truth to compare with. Pure."""

from __future__ import annotations

import random
from datetime import datetime

import msgspec

from netiv.demo import people
from netiv.demo.diary import Diary
from netiv.demo.journey import Journey
from netiv.demo.parcels import Parcel, pack
from netiv.demo.truth import DAY_MS, Truth

DAYS = 60


class World(msgspec.Struct, frozen=True):
    """What is sent, in order, and what is true."""

    parcels: list[Parcel]
    truth: Truth


def simulate(seed: int, persons: int, until: datetime) -> World:
    """`persons` customers over the sixty days before `until`. The same arguments give the same world, to the byte."""
    rng = random.Random(seed)  # noqa: S311 — a simulation must repeat
    end = int(until.timestamp() * 1000)
    prefix = f"d{seed}.{persons}.{until:%Y%m%d}-"
    diary = Diary(rng, prefix, end - DAYS * DAY_MS, end)
    for person in people.make(rng, persons, prefix):
        journey = Journey(diary, person)
        journey.run()
        journey.finish()
    return World(pack(rng, diary.sent), diary.truth())
