"""The snippet alone: a page view arrives once, with what the contract names."""

from __future__ import annotations

import json

from browser.beacon import DIST, Beacon
from browser.conftest import html, ready, small_only
from playwright.sync_api import Page


def test_a_page_view_arrives_once(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url(path="/?utm_source=news&utm_campaign=spring&gclid=AbC"))
    beacon.wait(lambda: beacon.named("page"))
    [event] = beacon.named("page")
    assert event["visitor_id"] == page.evaluate("netiv.visitorId()")
    assert event["seq"] == 1
    assert event["context"]["campaign"] == {"source": "news", "name": "spring"}
    assert event["context"]["click_ids"] == {"gclid": "AbC"}
    assert event["context"]["title"] == "Home"
    assert beacon.arrivals[0].headers["content-type"].startswith("text/plain")
    assert not [request for request in beacon.requests if request.startswith("OPTIONS")]


def test_calls_made_before_the_script_has_come_are_kept(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = """<!doctype html><title>Stub</title><script src="/netiv-stub.js"></script>
<script>netiv.track("early", {n: 1}).then(function (v) { window.verdict = v })</script>
<script async src="/netiv.js" data-key="wk_test" data-engagement="off"></script>"""
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("early"))
    page.wait_for_function("() => window.verdict && window.verdict.status === 'sent'")
    assert [event["name"] for event in beacon.events if event["type"] == "track"] == ["early"]


@small_only
def test_promises_resolve_with_the_verdict(page: Page, beacon: Beacon) -> None:
    beacon.reject = lambda event: "string_too_long" if event.get("name") == "bad" else ""
    page.goto(beacon.url())
    ready(page)
    page.evaluate(
        "() => { window.lost = []; netiv.on('dropped', (verdict, event) => lost.push([verdict.code, event.name])) }"
    )
    good, bad = page.evaluate("() => Promise.all([netiv.track('good'), netiv.track('bad')])")
    assert good["status"] == "sent"
    assert (bad["status"], bad["code"]) == ("dropped", "string_too_long")
    assert page.evaluate("lost") == [["string_too_long", "bad"]]
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('nv_q'))") == []


def test_the_module_build_starts_too(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = """<!doctype html><title>Module</title><script type="module">
import { init } from "/netiv.mjs"; window.mine = init({ key: "wk_test", engagement: "off" }); mine.track("modular");</script>"""
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("modular") and beacon.named("page"))
    assert page.evaluate("typeof window.netiv") == "undefined"


@small_only
def test_a_pinned_file_of_another_origin_starts_and_a_changed_one_does_not(page: Page, beacon: Beacon) -> None:
    file = json.loads((DIST / "manifest.json").read_bytes())["files"]["netiv.js"]
    elsewhere = beacon.url("collector.shop.example", f"/{file['hashed']}")
    tag = f'<script async src="{elsewhere}" integrity="{file["integrity"]}" crossorigin="anonymous" data-key="wk_test"></script>'
    beacon.pages["/"] = f"<!doctype html><title>Pinned</title>{tag}"
    page.goto(beacon.url("www.shop.example"))
    beacon.wait(lambda: beacon.named("page"))
    broken = tag.replace("sha384-", "sha384-AAAA").replace("<script", "<script onerror='window.refused = 1'")
    beacon.pages["/"] = f"<!doctype html><title>Changed</title>{broken}"
    page.goto(beacon.url("www.shop.example"))
    page.wait_for_function("() => window.refused")
    assert not page.evaluate("!!window.netiv")


def test_the_snippet_twice_counts_once(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html() + '<script async src="/netiv.js" data-key="wk_test"></script>'
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => netiv.track('done')")
    beacon.wait(lambda: beacon.named("done"))
    assert len(beacon.named("page")) == 1
