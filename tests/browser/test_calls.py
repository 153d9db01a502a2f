"""Every call of the API: the event it makes, as the collector takes it, and the promise it keeps."""

from __future__ import annotations

import json
from typing import Any

from browser.beacon import Beacon
from browser.conftest import ready
from playwright.sync_api import Page

ORDER = {"id": "o1", "value": 99.5, "currency": "ILS", "items": [{"sku": "a", "quantity": 2}]}
TOUCH = {"kind": "call", "channel": "Phone", "campaign": "spring"}
# call → what the event says beside what every event says
CALLS: dict[str, dict[str, Any]] = {
    "page({a: 1}, {title: 'Other'})": {"type": "page", "properties": {"a": 1}},
    "track('t', {a: 1}, {email: 'dana@example.com'})": {
        "type": "track", "name": "t", "properties": {"a": 1}, "email": "dana@example.com",
    },
    "identify('u1', {plan: 'gold'})": {"type": "identify", "user_id": "u1", "properties": {"plan": "gold"}},
    "identify({phone: '+972501234567', identifiers: {crm_id: '7'}})": {
        "type": "identify", "phone": "+972501234567", "identifiers": {"crm_id": "7"},
    },
    f"conversion('lead', {json.dumps(ORDER)}, {{form: 'x'}})": {
        "type": "conversion", "name": "lead", "order": ORDER, "properties": {"form": "x"},
    },
    f"order_completed({json.dumps(ORDER)})": {"type": "conversion", "name": "order_completed", "order": ORDER},
    "refund({id: 'o1', value: 10})": {"type": "refund", "order": {"id": "o1", "value": 10}},
    **{
        f"{step}({{product: 'p'}})": {"type": "track", "name": step, "properties": {"product": "p"}}
        for step in (
            "product_viewed", "product_added", "product_removed", "cart_viewed", "checkout_started", "payment_info_entered",
        )
    },
    f"touch({json.dumps(TOUCH)}, {{agent: 'b'}})": {"type": "touch", "touch": TOUCH, "properties": {"agent": "b"}},
    "group('acme', {seats: 3})": {"type": "group", "properties": {"group_id": "acme", "seats": 3}},
    "alias('u1', 'u0')": {"type": "alias", "user_id": "u1", "identifiers": {"user_id": "u0"}},
    "reset()": {"type": "track", "name": "logged_out"},
}  # fmt: skip


def test_every_call_makes_its_event(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => { window.heard = []; netiv.on('sent', verdict => heard.push(verdict.event_id)) }")
    calls = ", ".join(f"netiv.{call}" for call in CALLS)
    verdicts = page.evaluate(f"() => Promise.all([{calls}])")
    assert {verdict["status"] for verdict in verdicts} == {"sent"}
    assert set(page.evaluate("heard")) >= {verdict["event_id"] for verdict in verdicts}
    for verdict, (call, said) in zip(verdicts, CALLS.items(), strict=True):
        event = beacon.taken[verdict["event_id"]]
        assert {name: event.get(name) for name in said} == said, call
        assert event["visitor_id"]
        assert event["session_id"]
        assert event["context"]["title"] == ("Other" if "Other" in call else "Home")


def test_what_a_page_may_call_the_stub_keeps(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    ready(page)
    calls = page.evaluate("Object.keys(netiv).filter(name => typeof netiv[name] === 'function' && name.length > 1)")
    beacon.pages["/"] = '<!doctype html><title>Stub</title><script src="/netiv-stub.js"></script>'
    page.goto(beacon.url())
    kept = page.evaluate("Object.keys(netiv).filter(name => typeof netiv[name] === 'function')")
    # an id that isn't known yet can't be given
    assert set(calls) - set(kept) == {"visitorId"}
