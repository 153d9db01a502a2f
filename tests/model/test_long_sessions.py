"""Visits that never pause: a monitoring robot, a screen in a shop, a cookie that a cached page gives to everybody."""

from __future__ import annotations

import random

import msgspec
import pytest

from tests.model.driver import Driver
from tests.model.engine import difference, without_views
from tests.model.worlds import CHROME, HOUR, MINUTE, Sent, records

CAMPAIGNS = (None,) * 6 + tuple({"source": source} for source in "abc")
URLS = ("https://example.com/",) * 6 + ("https://example.com/?gclid=x", "https://example.com/?gclid=y")
# About the longest session of the rules (a quarter of an hour), and about their time-out.
STEPS = (0, 0, 1, MINUTE, MINUTE, 2 * MINUTE, 3 * MINUTE, 5 * MINUTE - 1, 5 * MINUTE)
BREAKS = (5 * MINUTE + 1, HOUR)


def visit(chance: random.Random, campaigns: float) -> list[Sent]:
    """Some hours of one visitor, with hardly a pause."""
    sent = []
    for number in range(chance.randrange(100)):
        tagged = chance.random() < campaigns
        context = {
            "url": chance.choice(URLS) if tagged else URLS[0],
            "campaign": chance.choice(CAMPAIGNS) if tagged else None,
        }
        step = chance.choice(BREAKS if chance.random() < 0.02 else STEPS)
        event = {
            "type": "page",
            "context": context,
            **({"user_id": chance.choice("uv")} if chance.random() < 0.02 else {}),
        }
        sent.append(Sent(0, 0, step, f"e{number}", "v1", event, False, "native", CHROME))
    return sent


@pytest.mark.parametrize("campaigns", [0, 0.1, 0.7])
def test_visits_without_a_pause(driver: Driver, campaigns: float) -> None:
    chance = random.Random(f"never silent {campaigns}")
    variant = driver.variant("short", gap_minutes=5, max_hours=0.25)
    name = driver.name()
    made = [record for number in range(60) for record in records(visit(chance, campaigns), f"{name}.{number}")]
    cut_by_length = [made[0::2], made[1::2]]
    expected = without_views(driver.stream(cut_by_length, chance, variant))
    assert len(expected["sessions"]) > 300
    assert difference(driver.found(name), expected) == {}


def test_a_visitor_who_is_never_silent_for_months(driver: Driver) -> None:
    """In memory that does not grow with the square of it: a hundred thousand events, one a minute."""
    name = driver.name()
    robot = Sent(0, 0, MINUTE, "", "robot", {"type": "page"}, False, "native", CHROME)
    sent = [msgspec.structs.replace(robot, event_id=f"e{number}") for number in range(100_000)]
    driver.deliver([records(sent, name)])
    [(sessions, events, longest)] = driver.rows(
        "SELECT count(), sum(events), max(ended_at - started_at) FROM sessions FINAL WHERE site = {site:String}",
        {"site": f"{name}.0"},
    )
    assert (sessions, events, longest) == (70, 100_000, 24 * HOUR / 1000)


def test_a_visitor_who_returns_thousands_of_times(driver: Driver) -> None:
    """Each visit has its own return of thousands: four thousand of them took more memory than a query may."""
    name = driver.name()
    made = []
    for number in range(10_000):
        referrer = ("https://www.paypal.com/", "https://elsewhere.example/")[number % 2]
        page = {"type": "page", "context": {"url": "https://example.com/", "referrer": referrer}}
        made.append(Sent(0, 0, 4 * HOUR, f"e{number}", "robot", page, False, "native", CHROME))
    driver.deliver([records(made, name)])
    [(sessions, returns, none, aside)] = driver.rows(
        "SELECT count(), countIf(continuity = ['source:www.paypal.com']), countIf(empty(continuity)), "
        "(SELECT count() FROM set_aside FINAL WHERE site = {site:String}) "
        "FROM sessions FINAL WHERE site = {site:String}",
        {"site": f"{name}.0"},
    )
    assert (sessions, returns, none, aside) == (10_000, 5_000, 5_000, 0)
