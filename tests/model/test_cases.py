"""Worlds that once went wrong, or nearly: each is small, named, and checked against the model in several orders."""

from __future__ import annotations

import random
from itertools import zip_longest
from typing import Any

import pytest

from schemas.limits import FUTURE_MAX_S
from schemas.record import Accepted
from tests.model.derive import Tables
from tests.model.driver import Driver
from tests.model.engine import difference, without_views
from tests.model.worlds import CHROME, DAY, GOOGLEBOT, HOUR, MINUTE, Sent, cut, records


def event(kind: str, step: int = 0, *, visitor: str = "v1", event_id: str = "", late: int = 0, **fields: Any) -> Sent:
    """An event `step` ms after the one before."""
    secret, agent = fields.pop("secret", False), fields.pop("agent", CHROME)
    event_id = event_id or f"{kind}{step}{visitor}{len(fields)}{fields.get('name', '')}{fields.get('user_id', '')}"
    return Sent(0, late, step, event_id, visitor, {"type": kind, **fields}, secret, "native", agent)


def order(value: float | None, currency: str | None = "ILS", number: str | None = "o1") -> dict[str, Any]:
    return {"id": number, "value": value, "currency": currency}


def at(url: str) -> dict[str, Any]:
    return {"url": url}


def long_visit(minutes: int, times: int) -> list[Sent]:
    return [event("page", minutes * MINUTE, event_id=f"p{n}") for n in range(times)]


SPRING, SUMMER = at("https://example.com/?utm_source=a"), at("https://example.com/?utm_source=b")
CASES: dict[str, list[Sent]] = {
    "a log-out and no log-in": [event("page"), event("track", 1, name="logged_out")],
    "a duplicate names another user": [
        event("page", event_id="x", late=5), event("identify", event_id="x", user_id="u2", late=9), event("page", HOUR)],
    "the same person again": [
        event("identify", user_id="u1"), event("track", 1, name="logged_out"), event("identify", 2, event_id="again", user_id="u1")],
    "anonymous in between": [
        event("identify", user_id="u1"), event("track", 1, name="logged_out"), event("page", 2), event("identify", 9, event_id="b", user_id="u1")],
    "a copy that came earlier is found later": [
        event("page", 30 * DAY, event_id="x", context=SPRING), event("page", -30 * DAY, event_id="x", late=40 * DAY), event("page", MINUTE)],
    "one report from two subjects": [
        event("page"), event("conversion", 5, event_id="x", order=order(10)),
        event("conversion", 1, event_id="x", visitor="", user_id="u7", order=order(12), secret=True), event("page", HOUR)],
    "one report from two subjects at one moment": [
        event("conversion", 5, event_id="x", order=order(10)),
        event("conversion", 0, event_id="x", visitor="v2", order=order(11)), event("page", HOUR)],
    "a report at the very start of the second visit of its session id": [
        event("page", session_id="s1", user_id="u1"), event("page", HOUR, session_id="s1", user_id="u1"),
        event("conversion", 0, visitor="", user_id="u1", session_id="s1", order=order(5), secret=True)],
    "a report half an hour after the visit": [
        event("page", user_id="u1"), event("conversion", 30 * MINUTE, visitor="", user_id="u1", order=order(5), secret=True)],
    "a report half an hour and a millisecond after the visit": [
        event("page", user_id="u1"), event("conversion", 30 * MINUTE + 1, visitor="", user_id="u1", order=order(5), secret=True)],
    "a touch and a report by a machine as the visit begins": [
        event("page"), event("touch", 0, touch={"kind": "call"}), event("conversion", 0, order=order(5), context={"active": False})],
    "a touch and a report by a machine half an hour after the visit": [
        event("page"), event("touch", 30 * MINUTE, touch={"kind": "call"}), event("conversion", 0, order=order(5), context={"active": False})],
    "a server's touch names an earlier visit of its visitor": [
        event("page", session_id="s1"), event("page", HOUR, session_id="s2"), event("page", HOUR, event_id="s1b", session_id="s1"),
        event("page", HOUR, event_id="s2b", session_id="s2"), event("touch", MINUTE, session_id="s1", touch={"kind": "call"}, secret=True),
        event("touch", HOUR, event_id="none", session_id="s2", touch={"kind": "call"}, secret=True),
        event("touch", 1, event_id="browser", session_id="s1", touch={"kind": "call"})],
    "a server's touch names a visit of a month ago": [
        event("page", session_id="s1"), event("page", 30 * DAY, session_id="s2"),
        event("touch", MINUTE, session_id="s1", touch={"kind": "call"}, secret=True), event("page", DAY, event_id="on")],
    "a server's touch names a visit that is yet to begin": [
        event("page"), event("touch", MINUTE, session_id="s1", touch={"kind": "call"}, secret=True), event("page", DAY, session_id="s1")],
    "a server's touch names the visit of another device": [
        event("page", session_id="s1", user_id="u1"), event("page", MINUTE, visitor="v2", session_id="s2", user_id="u1"),
        event("touch", MINUTE, visitor="v2", session_id="s1", touch={"kind": "call"}, secret=True)],
    "two devices of one person begin at one moment": [
        event("page", user_id="u1"), event("page", 0, visitor="v2", user_id="u1"), event("page", 20 * MINUTE, visitor="v2", event_id="on"),
        event("conversion", 20 * MINUTE, visitor="", user_id="u1", order=order(5), secret=True)],
    "a report by a machine on the device that was left first": [
        event("page", user_id="u1"), event("page", MINUTE, visitor="v2", user_id="u1"),
        event("conversion", 29 * MINUTE, order=order(5), context={"active": False})],
    "two reports of one moment that arrive one after the other": [
        event("conversion", 5, event_id="a", late=9, order=order(10)), event("conversion", 0, event_id="b", visitor="v2", order=order(11))],
    "a touch in other letters": [
        event("touch", touch={"kind": " Impression ", "channel": " paid SEARCH"}),
        event("touch", 1, touch={"kind": "OPEN", "channel": "email"}), event("conversion", 31 * DAY, order=order(1))],
    "a negative refund": [event("conversion", order=order(100)), event("refund", 5, order=order(-30))],
    "a negative conversion": [event("conversion", order=order(-5)), event("refund", 5, order=order(None))],
    "a refund in another currency": [
        event("conversion", order=order(100)), event("refund", 5, order=order(30, "usd")),
        event("refund", 6, event_id="b", order=order(20, None)), event("refund", 7, event_id="c", order=order(1, "ILS"))],
    "a refund with a currency of an order without": [
        event("conversion", order=order(100, None)), event("refund", 5, order=order(30, "usd"))],
    "a full refund in another currency": [event("conversion", order=order(100)), event("refund", 5, order=order(None, "USD"))],
    "a refund before its order": [event("refund", order=order(30)), event("conversion", 5, order=order(100))],
    "more refunded than paid": [event("conversion", order=order(10)), event("refund", 5, order=order(30))],
    "a currency without a value": [event("conversion", order=order(None, "usd"))],
    "a value without a currency": [event("conversion", order=order(5, None), secret=True), event("conversion", 1, order=order(6, "EUR"))],
    "a conversion in a visit without touchpoint": [
        event("page", agent=GOOGLEBOT, user_id="u1"), event("conversion", MINUTE, visitor="", user_id="u1", order=order(3), secret=True)],
    "a report moves to a better known person": [
        event("page"), event("conversion", 1, order=order(1)), event("page", 1, visitor="v2", event_id="q"),
        event("conversion", 1, visitor="v2", user_id="u2", order=order(2), secret=True), event("identify", 2 * HOUR, user_id="u1")],
    "an order id after 90 days": [event("conversion", order=order(10)), event("conversion", 90 * DAY, event_id="b", order=order(20))],
    "an order id after 90 days and a millisecond": [
        event("conversion", order=order(10)), event("refund", DAY, order=order(4)),
        event("conversion", 89 * DAY + 1, event_id="b", order=order(20), user_id="u1"), event("refund", DAY, event_id="c", order=order(5)),
        event("conversion", DAY, event_id="d", visitor="", user_id="u2", order=order(21), secret=True)],
    "an order id used three times": [event("conversion", 100 * DAY, event_id=f"c{n}", order=order(n + 1)) for n in range(3)],
    "refunds before and between": [
        event("refund", order=order(1)), event("conversion", 1, order=order(10)), event("refund", 200 * DAY - 1, event_id="b", order=order(2)),
        event("conversion", 1, event_id="c", order=order(20)), event("refund", 0, event_id="d", order=order(None))],
    "one event id within 48 hours": [
        event("conversion", event_id="x", order=order(10, number=None)),
        event("conversion", 48 * HOUR, event_id="x", visitor="", user_id="u7", order=order(12, number=None), secret=True)],
    "one event id after 48 hours": [
        event("conversion", event_id="x", order=order(10, number=None)),
        event("conversion", 48 * HOUR + 1, event_id="x", visitor="", user_id="u7", order=order(12, number=None), secret=True)],
    "one event id and two names": [
        event("conversion", event_id="x", name="lead"), event("conversion", event_id="x", visitor="v2", name="purchase", order=order(9, number=None)),
        event("conversion", MINUTE, event_id="x", visitor="", user_id="u7", name="lead", secret=True)],
    "24 hours exactly": [event("page"), *long_visit(30, 48)],
    "24 hours and a millisecond": [event("page"), *long_visit(30, 47), event("page", 30 * MINUTE + 0, event_id="y"), event("page", 1)],
    "three days without a pause": [event("page", context=SPRING), *long_visit(29, 150)],
    "three days and campaigns": [
        event("page", context=SPRING), *long_visit(29, 60), event("page", 9, context=SPRING, event_id="back"), event("page", 9, context=SUMMER)],
    "a gap of 30 minutes": [event("page"), event("page", 30 * MINUTE)],
    "a gap of a millisecond more": [event("page"), event("page", 30 * MINUTE + 1)],
    "two campaigns in one moment": [event("page"), event("page", 9, event_id="a"), event("page", 0, event_id="b", context=SPRING),
                                    event("page", 0, event_id="c", context=SUMMER), event("page", 9, context=SUMMER, event_id="d")],
    "a campaign comes back after a pause": [event("page", context=SPRING), event("page", 9), event("page", HOUR, event_id="z", context=SPRING)],
    "two log-ins in one millisecond": [
        event("page"), event("identify", 9, event_id="b", user_id="u1"), event("identify", 0, event_id="a", user_id="u2"), event("page", 9)],
    "log-in and log-out in one millisecond": [
        event("page"), event("identify", 9, event_id="b", user_id="u1"), event("track", 0, event_id="a", name="logged_out"), event("page", 9)],
    "an address of an account that is none comes to be somebody's": [
        event("identify", user_id="u9", email="a@example.com"), event("page", 1, visitor="v2"),
        event("conversion", HOUR, visitor="", user_id="null", email="a@example.com", order=order(5), secret=True)],
    "an address comes to be somebody's, and the number told with it": [
        event("identify", user_id="u9", email="a@example.com"), event("page", 1, visitor="v2"),
        event("identify", HOUR, visitor="", email="a@example.com", phone="0501112222", secret=True),
        event("conversion", HOUR, visitor="", phone="0501112222", order=order(5), secret=True)],
    "a click of a visitor whose account is told to have changed sooner": [
        event("identify", HOUR, event_id="late", user_id="u2"), event("identify", -HOUR, user_id="u1"),
        event("page", 2 * HOUR, context=at("https://example.com/?gclid=g1")), event("identify", HOUR, user_id="u2"),
        event("conversion", HOUR, visitor="", context=at("https://example.com/?gclid=g1"), order=order(5), secret=True)],
    "a click of a visitor who connects nobody comes to be somebody's": [
        event("identify", user_id="u9", context=at("https://example.com/?gclid=g1")), event("page", 1, visitor="v2"),
        *(event("identify", MINUTE, visitor="~x", event_id=f"in{n}", user_id=f"crowd{n}") for n in range(12)),
        event("conversion", MINUTE, visitor="~x", context=at("https://example.com/?gclid=g1"), order=order(5))],
    "a shared tablet": [step for n, user in enumerate(("u1", "u2", "u1", "u3")) for step in (
        event("identify", MINUTE, event_id=f"in{n}", user_id=user), event("page", MINUTE, event_id=f"p{n}"),
        event("track", MINUTE, event_id=f"out{n}", name="logged_out"), event("page", MINUTE, event_id=f"q{n}"))],
}  # fmt: skip


WAYS = ("any order", "last first")
BATCHES = 10


def last_first(made: list[list[Accepted]]) -> list[list[Accepted]]:
    """Every world backwards, side by side, a piece of each in every batch: of a short world one event."""
    pieces = []
    for one in made:
        size = -(-len(one) // BATCHES)
        backwards = one[::-1]
        pieces.append([backwards[start : start + size] for start in range(0, len(one), size)])
    return [[record for piece in batch for record in piece] for batch in zip_longest(*pieces, fillvalue=[])]


@pytest.fixture(scope="module")
def derived(driver: Driver) -> dict[str, tuple[str, Tables, Tables]]:
    """All cases at once, each on sites of its own, in each way: (name, what was found, what the model says)."""
    results = {}
    for way in WAYS:
        name, chance = driver.name(), random.Random(7)
        made = [records(world, f"{name}.{number}") for number, world in enumerate(CASES.values())]
        batches = last_first(made) if way == "last first" else cut([record for one in made for record in one], chance)
        expected = driver.stream(batches, chance)
        results[way] = name, driver.found(name), expected
    return results


def test_a_touch_in_other_letters_is_of_the_channel_it_names(derived: dict[str, tuple[str, Tables, Tables]]) -> None:
    name, found, _ = next(iter(derived.values()))
    site = f"{name}.{list(CASES).index('a touch in other letters')}."
    touches = [row for row in found["v_touchpoints"] if row["site"].startswith(site) and row["kind"] != "visit"]
    assert sorted((row["kind"], row["channel"]) for row in touches) == [
        ("impression", "Paid Search"),
        ("open", "Email"),
    ]


# One event after the other, nothing beside: what came before is looked at only as far back as it can matter.
PAYING = {"url": "https://example.com/", "referrer": "https://www.paypal.com/checkout"}
CLICKED = at("https://example.com/?gclid=x")
ONE_BY_ONE: dict[str, tuple[dict[str, Any], list[Sent]]] = {
    "an event of a clock that is ahead as far as it may be": ({}, [
        event("page"), event("page", 10 * DAY, event_id="ahead", late=-FUTURE_MAX_S * 1000)]),
    "back from paying at the last moment": ({}, [event("page"), event("page", 2 * HOUR, context=PAYING)]),
    "back from paying a millisecond late": ({}, [event("page"), event("page", 2 * HOUR + 1, context=PAYING)]),
    "a click before a pause that was none": ({"continuity_minutes": 0}, [
        event("page", context=CLICKED), event("page", 30 * MINUTE, context=SPRING), event("page", 1, event_id="back", context=CLICKED)]),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE_BY_ONE)
def test_one_by_one(driver: Driver, case: str) -> None:
    changes, world = ONE_BY_ONE[case]
    variant = driver.variant("one by one", **changes) if changes else "standard"
    name = driver.name()
    expected = driver.stream([[one] for one in records(world, name)], random.Random(1), variant)
    if changes:
        expected = without_views(expected)
    assert expected["sessions"], "the model derived nothing"
    assert difference(driver.found(name), expected) == {}


def test_who_was_derived_under_other_rules_is_derived_as_a_whole(driver: Driver) -> None:
    variant = driver.variant("short", gap_minutes=5, max_hours=0.25)
    name, chance = driver.name(), random.Random(1)
    made = records([event("page"), event("page", 6 * MINUTE), event("page", 10 * DAY, event_id="new")], name)
    driver.stream([made[:2]], chance)
    assert [row["events"] for row in driver.found(name)["sessions"]] == [2]
    driver.stream([made[2:]], chance, variant)
    expected = without_views(driver.pipeline.model(driver.pipeline.delivered, variant))
    assert difference(driver.found(name), expected) == {}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_case(derived: dict[str, tuple[str, Tables, Tables]], case: str, way: str) -> None:
    name, found, expected = derived[way]
    sites = f"{name}.{list(CASES).index(case)}."
    of_case = [
        {table: [row for row in rows if row["site"].startswith(sites)] for table, rows in one.items()}
        for one in (found, expected)
    ]
    assert of_case[1]["v_events"], "the model derived nothing"
    assert difference(*of_case) == {}
