"""The world of a seed: who did what, as parcels to send and as the truth to compare with. Pure."""

from __future__ import annotations

import random
from datetime import datetime

import msgspec

from netiv.demo import people
from netiv.demo.diary import Diary
from netiv.demo.hard import Cases, Hard
from netiv.demo.journey import Journey
from netiv.demo.parcels import Parcel, pack
from netiv.demo.truth import DAY_MS, Truth

DAYS = 60
PERSONS_PER_BLOCK = 50  # so many customers to one block of hard cases


class World(msgspec.Struct, frozen=True):
    """What is sent, in order, and what is true; `hard` of the cases beside it."""

    parcels: list[Parcel]
    truth: Truth
    hard: Hard


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
    parcels = pack(rng, diary.sent)
    # Drawn after everything else, and under another prefix: the shop's customers are the same with and without them.
    cases = Cases(rng, f"h{prefix[1:]}", diary.since, end)
    for number in range(-(-persons // PERSONS_PER_BLOCK)):
        cases.block(number)
    return World(parcels + pack(rng, cases.sent()), diary.truth(), cases.known())
