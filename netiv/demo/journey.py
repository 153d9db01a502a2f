"""One customer's sixty days: arrivals and touches at moments hours apart, purchases, and what follows them."""

from __future__ import annotations

import random

from netiv.demo import outside
from netiv.demo.channels import ARRIVALS, EMAIL_CLICK, EMAIL_OPEN, REACHES, Arrival, Reach
from netiv.demo.diary import Diary, Order
from netiv.demo.people import Device, Person
from netiv.demo.truth import DAY_MS
from netiv.demo.visit import Plan, Visit

_HOUR_MS = 3_600_000
_APART_MS = 4 * _HOUR_MS  # between two episodes of a person: longer than any visit and its pause
_LATE = 0.05


class Journey:
    """A customer under way."""

    def __init__(self, diary: Diary, person: Person) -> None:
        self._diary = diary
        self._person = person
        self._logged_in: set[str] = set()
        self._signed_up = False
        self._touched = 0

    def run(self) -> None:
        """Live the whole journey."""
        for at in _episodes(self._diary):
            self._episode(at)
            self._touched += 1

    def _episode(self, at: int) -> None:
        rng, person = self._diary.rng, self._person
        chance = rng.random()
        if self._touched == 0 or chance < 0.62:
            self._visit(_pick_arrival(rng), at)
        elif not person.user_id or chance < 0.86:
            self._touch(at)
        elif chance < 0.92:
            opened = at
            outside.touch(self._diary, person, person.devices[0], EMAIL_OPEN, opened)
            self._visit(EMAIL_CLICK, opened + rng.randint(20_000, 300_000))
        elif chance < 0.96:
            outside.store_purchase(self._diary, person, at)
        else:
            outside.phone_lead(self._diary, person, at)

    def _touch(self, at: int) -> None:
        person, rng = self._person, self._diary.rng
        own = [device for device in person.devices if not device.shared]
        usable = [reach for reach in REACHES if reach.by == "visitor" or person.user_id]
        reach: Reach = rng.choices(usable, [reach.weight for reach in usable])[0]
        # A device that nobody has ever logged in on can't be known to be this person's: touch where a visit was.
        device = next((device for device in own if device.visitor_id in self._logged_in), own[0])
        outside.touch(self._diary, person, device, reach, at)

    def _visit(self, arrival: Arrival, at: int) -> None:
        rng, person = self._diary.rng, self._person
        device = person.devices[0] if self._touched == 0 else rng.choice(person.devices)
        if device.shared and not self._diary.reserve(device.visitor_id, at):
            device = person.devices[0]  # somebody else of the household has the tablet
        buy = rng.random() < min(0.06 + 0.05 * self._touched, 0.4)
        visit = Visit(self._diary, self._plan(arrival, device, at, buy=buy))
        order = visit.run()
        if order is not None:
            self._after(order, device)
        elif not device.shared and rng.random() < 0.05:  # another ad within the half hour: a session of its own
            second = rng.choice([other for other in ARRIVALS if other.medium and other != arrival])
            Visit(self._diary, self._plan(second, device, visit.ended_at + rng.randint(60_000, 900_000))).run()

    def _plan(self, arrival: Arrival, device: Device, at: int, buy: bool = False) -> Plan:
        rng, person = self._diary.rng, self._person
        known = bool(person.user_id) and (device.shared or device.visitor_id in self._logged_in)
        # Second devices log in at once, or nobody could know whose they are; the first one takes its time.
        login = bool(person.user_id) and not known and (device is not person.devices[0] or rng.random() < 0.5)
        sign_up = login and not self._signed_up and rng.random() < 0.6
        self._signed_up = self._signed_up or login
        if login and not device.shared:
            self._logged_in.add(device.visitor_id)
        return Plan(person, device, arrival, at, known, login, sign_up, buy, rng.random() < _LATE)

    def _after(self, order: Order, device: Device) -> None:
        rng, person = self._diary.rng, self._person
        if person.user_id and rng.random() < 0.35:
            outside.server_report(self._diary, person, order)
        if person.user_id and rng.random() < 0.2:
            outside.pick_up(self._diary, person, order)
        if rng.random() < 0.15:
            who = {"user_id": person.user_id} if person.user_id else {"visitor_id": device.visitor_id}
            outside.refund(self._diary, who, person, order)

    def finish(self) -> None:
        """Whoever has an account logs in on the first device at last, so that it is known whose it was."""
        person = self._person
        first = person.devices[0]
        if person.user_id and first.visitor_id not in self._logged_in:
            at = self._diary.until - self._diary.rng.randint(2, 20) * _HOUR_MS
            plan = Plan(person, first, ARRIVALS[-1], at, known=False, login=True)
            Visit(self._diary, plan).run()


def _episodes(diary: Diary) -> list[int]:
    """Moments hours apart, on some days of the sixty."""
    rng = diary.rng
    count = min(2 + int(rng.expovariate(0.22)), 16)
    first, last = diary.since + DAY_MS, diary.until - 2 * DAY_MS
    moments: list[int] = []
    for at in sorted(rng.randint(first, last) for _ in range(count)):
        moments.append(at if not moments else max(at, moments[-1] + _APART_MS))
    return [at for at in moments if at < last]


def _pick_arrival(rng: random.Random) -> Arrival:
    return rng.choices(ARRIVALS, [arrival.weight for arrival in ARRIVALS])[0]
