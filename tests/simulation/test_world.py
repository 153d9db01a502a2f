"""The demo's world: the same from the same seed, as varied as promised, and lawful."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.pixel_event import event_of
from netiv.demo.channels import ARRIVALS, REACHES
from netiv.demo.parcels import Parcel, pixel_query
from netiv.demo.simulate import World, simulate
from netiv.demo.truth import LOOKBACK_MS, LOOKBACK_PASSIVE_MS
from schemas.event import Event
from schemas.limits import BATCH_EVENTS_MAX

UNTIL = datetime(2026, 6, 1, tzinfo=UTC)
HALF_HOUR_MS = 30 * 60_000
HEBREW = re.compile("[א-ת]")


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(7, 300, UNTIL)


def sent(world: World) -> list[dict[str, Any]]:
    """What the shop's customers send; the hard cases beside them have ids of their own."""
    ours = world.truth.prefix
    return [event for parcel in world.parcels for event in parcel.events if event["event_id"].startswith(ours)]


def unique(world: World) -> dict[str, dict[str, Any]]:
    return {event["event_id"]: event for event in sent(world)}


def created_ms(event: dict[str, Any]) -> int:
    created = event["created_at"]
    return created if isinstance(created, int) else round(datetime.fromisoformat(created).timestamp() * 1000)


def test_the_same_seed_gives_the_same_world_to_the_byte(world: World) -> None:
    assert msgspec.json.encode(simulate(7, 300, UNTIL)) == msgspec.json.encode(world)
    assert msgspec.json.encode(simulate(8, 300, UNTIL)) != msgspec.json.encode(world)


def test_it_is_as_varied_as_promised(world: World) -> None:
    truth = world.truth
    assert len(set(truth.owners.values())) == 300
    assert len({touch.channel for touch in truth.touches}) >= 14
    assert {touch.node for touch in truth.touches} == {"paid_organic", "community", "live", "ugc", "classic"}
    assert (truth.until - truth.since) / 86_400_000 == 60
    assert {touch.channel for touch in truth.touches} == {way.channel for way in (*ARRIVALS, *REACHES)}
    assert {conversion.name for conversion in truth.conversions} == {"purchase", "store_purchase", "lead", "sign_up"}
    assert {parcel.form for parcel in world.parcels} == {"single", "batch", "gzip", "pixel"}
    assert any(len(people) > 1 for people in truth.visitors.values()), "a tablet that a household shares"
    devices: dict[str, set[str]] = {}
    for visitor, people in truth.visitors.items():
        for person in people:
            devices.setdefault(person, set()).add(visitor)
    assert sum(len(own) > 1 for own in devices.values()) > 100


def test_campaigns_are_hebrew_and_english(world: World) -> None:
    urls = [unquote_plus(event["context"]["url"]) for event in sent(world) if event["type"] == "page"]
    names = {name for url in urls for name in parse_qs(url.partition("?")[2]).get("utm_campaign", [])}
    names |= {event["touch"]["campaign"] for event in sent(world) if event["type"] == "touch"}
    assert sum(bool(HEBREW.search(name)) for name in names) >= 10
    assert sum(name.isascii() for name in names) >= 8


def test_some_come_late_some_out_of_order_some_twice(world: World) -> None:
    times = [created_ms(event) for event in sent(world)]
    assert any(later < earlier - 86_400_000 for earlier, later in itertools.pairwise(times)), "days late"
    assert sum(later < earlier for earlier, later in itertools.pairwise(times)) > 100
    assert len(times) - len(unique(world)) > 100, "sent twice"
    again = [parcel for parcel in world.parcels if world.parcels.count(parcel) > 1]
    assert again
    assert any(len({event["event_id"] for event in parcel.events}) < len(parcel.events) for parcel in world.parcels)


def test_every_event_is_accounted_for(world: World) -> None:
    assert unique(world).keys() == world.truth.owners.keys()
    for event in unique(world).values():
        msgspec.json.decode(msgspec.json.encode(event), type=Event)
    assert all(len(parcel.events) <= BATCH_EVENTS_MAX for parcel in world.parcels)
    assert not [
        event for parcel in world.parcels if not parcel.secret for event in parcel.events if event["type"] == "refund"
    ]


def test_pick_ups_and_refunds_come_from_the_server(world: World) -> None:
    by_server = {event["event_id"] for parcel in world.parcels if parcel.secret for event in parcel.events}
    secret = [event for event in sent(world) if event["event_id"] in by_server]
    refunds = [event for event in secret if event["type"] == "refund"]
    assert len({event["event_id"] for event in refunds}) >= 10
    worth = {conversion.order_id: conversion.value for conversion in world.truth.conversions if conversion.order_id}
    after = {worth[event["order"]["id"]] for event in refunds}
    assert 0 in after, "one in full"
    assert after - {0}, "one in part"
    visits = [event for event in secret if event["type"] == "touch" and event["touch"]["kind"] == "store_visit"]
    assert visits
    assert all("visitor_id" not in event and event["user_id"] for event in visits)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_laws_of_any_world(seed: int, persons: int) -> None:
    truth = simulate(seed, persons, UNTIL).truth
    moments = [touch.ts for touch in truth.touches]
    assert len(moments) == len(set(moments))
    assert all(truth.since <= touch.ts < truth.until for touch in truth.touches)
    for conversion in truth.conversions:
        assert truth.since <= conversion.ts < truth.until
        assert conversion.value >= 0
        own = [touch for touch in truth.touches if touch.person == conversion.person and touch.ts <= conversion.ts]
        reach = {"impression": LOOKBACK_PASSIVE_MS, "open": LOOKBACK_PASSIVE_MS}
        near = [touch for touch in own if conversion.ts - touch.ts <= reach.get(touch.kind, LOOKBACK_MS)]
        assert conversion.path == [touch.channel for touch in sorted(near, key=lambda touch: touch.ts)]
        assert conversion.path, "nobody converts out of nothing here"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_sessions_of_a_device_are_apart_or_of_another_campaign(seed: int, persons: int) -> None:
    sessions = simulate(seed, persons, UNTIL).truth.sessions
    by_device: dict[str, list[Any]] = {}
    for session in sessions:
        by_device.setdefault(session.visitor_id, []).append(session)
    for own in by_device.values():
        for before, after in itertools.pairwise(own):
            assert after.started_at > before.ended_at
            assert after.started_at - before.ended_at > HALF_HOUR_MS or before.person == after.person


@given(st.sampled_from(simulate(7, 60, UNTIL).parcels).filter(lambda parcel: parcel.form == "pixel"))
def test_a_pixel_says_what_the_event_says(parcel: Parcel) -> None:
    (event,) = parcel.events
    assert event_of(pixel_query(event).encode(), "") == event
