"""Delivery against a collector that fails in every way: in the end each event made was taken, once by its id."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from browser.beacon import Beacon
from browser.conftest import FLAGS, all_answered, executable, goes_back, ready, scrolled, visitors
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright


def make(page: Page, *names: str) -> None:
    """Track these names without waiting for anything."""
    page.evaluate("names => names.forEach(name => { netiv.track(name) })", list(names))


def once_each(beacon: Beacon, *names: str) -> None:
    """Each of these was taken, under one id."""
    beacon.wait(lambda: all(beacon.named(name) for name in names))
    assert {name: len(beacon.named(name)) for name in names} == dict.fromkeys(names, 1)


@pytest.mark.parametrize("mode", ["503", "429", "hang", "reset", "torn", "401"])
def test_a_failing_collector_and_a_tab_that_closes_at_once(mode: str, context: BrowserContext, beacon: Beacon) -> None:
    beacon.mode = mode
    page = context.new_page()
    page.goto(beacon.url())
    ready(page)
    make(page, "one", "two", "three")
    page.close()
    beacon.wait(lambda: beacon.arrivals)
    beacon.mode = "ok"
    context.new_page().goto(beacon.url(path="/next"))
    once_each(beacon, "one", "two", "three")
    beacon.wait(lambda: len(beacon.named("page")) == 2)


def test_a_failing_collector_that_recovers_while_the_tab_stays(page: Page, beacon: Beacon) -> None:
    beacon.mode = "503"
    page.goto(beacon.url())
    ready(page)
    make(page, "patient")
    beacon.wait(lambda: len(beacon.arrivals) >= 2)
    beacon.mode = "ok"
    once_each(beacon, "patient")
    all_answered(page)


def test_retry_after_is_kept_by_the_next_page_too(page: Page, beacon: Beacon) -> None:
    beacon.mode, beacon.retry_after = "429", "3"
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.arrivals)
    page.wait_for_function("() => localStorage.getItem('nv_w')")
    until = int(float(page.evaluate("localStorage.getItem('nv_w')")))
    beacon.mode = "ok"
    page.goto(beacon.url(path="/next"))
    beacon.wait(lambda: len(beacon.named("page")) == 2)
    # what a page that ends sends is not held back: it may be the last chance
    kept = [each for each in beacon.arrivals if any(event["context"]["title"] == "Next" for event in each.events)]
    assert kept[0].body["sent_at"] >= until


def test_the_last_page_with_400_ms_latency_is_delivered_100_times_of_100(
    context: BrowserContext, beacon: Beacon
) -> None:
    beacon.mode = "slow"
    first = context.new_page()
    first.goto(beacon.url(path="/plain"))
    for run in range(100):
        page = context.new_page()
        page.goto(beacon.url())
        ready(page)
        # one just before, two in the task in which the page goes away
        page.evaluate(
            """run => { netiv.track('before' + run); setTimeout(() => {
                netiv.track('last' + run); netiv.track('leaving' + run); location.href = '/plain' }) }""",
            run,
        )
        page.wait_for_url("**/plain")
        page.close()
    names = [f"{kind}{run}" for kind in ("before", "last", "leaving") for run in range(100)]
    once_each(beacon, *names)


def test_a_tab_that_closes_at_once_with_400_ms_latency(context: BrowserContext, beacon: Beacon) -> None:
    beacon.mode = "slow"
    keep = context.new_page()
    for run in range(10):
        page = context.new_page()
        page.goto(beacon.url())
        ready(page)
        make(page, f"closing{run}")
        page.close(run_before_unload=True)
    keep.goto(beacon.url(path="/plain"))
    once_each(beacon, *[f"closing{run}" for run in range(10)])


def test_thirty_seconds_offline_then_online(context: BrowserContext, beacon: Beacon) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(beacon.url())
    ready(page)
    page.clock.run_for(1000)
    beacon.wait(lambda: beacon.named("page"))
    context.set_offline(True)
    for minute in range(3):
        make(page, f"offline{minute}")
        page.clock.run_for(10_000)
    assert not beacon.named("offline0")
    context.set_offline(False)
    once_each(beacon, "offline0", "offline1", "offline2")


def test_a_burst_of_a_thousand(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    ready(page)
    verdicts = page.evaluate(
        "() => Promise.all(Array.from({length: 1000}, (_, n) => netiv.track('burst', {n}))).then(all => all.map(v => v.status))"
    )
    assert verdicts == ["sent"] * 1000
    burst = beacon.named("burst")
    assert sorted(event["properties"]["n"] for event in burst) == list(range(1000))
    assert Counter(event["event_id"] for event in beacon.events).most_common(1)[0][1] == 1
    assert all(int(each.headers["content-length"]) < 64 * 1024 for each in beacon.arrivals)
    order = [event["properties"]["n"] for event in sorted(burst, key=lambda event: event["seq"])]
    assert order == list(range(1000))


def test_a_burst_while_the_collector_is_away_and_the_tab_closes(context: BrowserContext, beacon: Beacon) -> None:
    beacon.mode = "503"
    page = context.new_page()
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => { for (let n = 0; n < 1000; n++) netiv.track('burst', {n}) }")
    page.close()
    beacon.mode = "ok"
    context.new_page().goto(beacon.url(path="/next"))
    beacon.wait(lambda: len(beacon.named("burst")) == 1000)
    assert sorted(event["properties"]["n"] for event in beacon.named("burst")) == list(range(1000))


def test_two_tabs_send_in_turn_and_each_event_once(context: BrowserContext, beacon: Beacon) -> None:
    beacon.mode = "slow"
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto(beacon.url())
        ready(tab)
        # a page begins by sending what others left; after that, each sends what is its own
        assert tab.evaluate("async () => (await netiv.track('first')).status") == "sent"
    for index, tab in enumerate(tabs):
        tab.evaluate(
            "tab => { window.all = Promise.all(Array.from({length: 50}, (_, n) => netiv.track('tab' + tab, {n}))) }",
            index,
        )
    for tab in tabs:
        assert {verdict["status"] for verdict in tab.evaluate("all")} == {"sent"}
    for index in range(2):
        assert sorted(event["properties"]["n"] for event in beacon.named(f"tab{index}")) == list(range(50))
    assert {event["visitor_id"] for event in beacon.events} == {beacon.events[0]["visitor_id"]}
    # both tabs count as visible here, so neither hands over at a leave: nothing goes twice
    assert Counter(event["event_id"] for event in beacon.events).most_common(1)[0][1] == 1


def test_a_killed_renderer_and_a_resend_with_the_same_ids(driver: Playwright, data_dir: Path, beacon: Beacon) -> None:
    beacon.mode = "503"
    context = driver.chromium.launch_persistent_context(str(data_dir), executable_path=executable(), args=FLAGS)
    page = context.pages[0]
    page.goto(beacon.url())
    ready(page)
    make(page, "one", "two", "three")
    stored = page.evaluate(
        "Object.keys(localStorage).filter(k => k.startsWith('nv_q')).map(k => JSON.parse(localStorage[k]).event_id)"
    )
    assert len(stored) == 4
    kill_renderer(page)
    beacon.mode = "ok"
    context.new_page().goto(beacon.url(path="/next"))
    once_each(beacon, "one", "two", "three")
    assert set(stored) <= set(beacon.taken)
    context.close()


def kill_renderer(page: Page) -> None:
    """The process of this page ends at once, without a last word to the page, as the out-of-memory killer ends it. It is
    told to end itself: killed from outside, the browser's spare process would have to die with it (which of them the page
    has is not to be seen), and the next page was seen to wait for ever for the dead spare."""
    with page.expect_event("crash"), suppress(Error):
        page.goto("chrome://kill")


def test_a_clock_wrong_by_a_year_is_told_by_sent_at(context: BrowserContext, beacon: Beacon) -> None:
    for years in (-1, 1):
        page = context.new_page()
        page.clock.install(time=time.time() + years * 365 * 86_400)
        page.goto(beacon.url())
        ready(page)
        page.clock.run_for(60_000)
        make(page, f"year{years}")
        page.clock.run_for(1000)
        once_each(beacon, f"year{years}")
        [arrival] = [each for each in beacon.arrivals if any(e.get("name") == f"year{years}" for e in each.events)]
        [event] = [each for each in arrival.events if each.get("name") == f"year{years}"]
        assert 0 <= arrival.body["sent_at"] - event["created_at"] < 60_000  # not the year that the clock is wrong by
        page.close()


def test_one_poisonous_event_does_not_hold_up_the_others(page: Page, beacon: Beacon) -> None:
    page.route(
        "**/v1/events",
        lambda route: (
            route.fulfill(
                status=413, json={"error": {"code": "body_too_large", "message": "", "hint": "Split the batch."}}
            )
            if "poison" in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    page.goto(beacon.url())
    ready(page)
    verdicts = page.evaluate(
        """() => Promise.all(['a', 'b', 'poison', 'c', 'd'].map(name => netiv.track(name)))
            .then(all => all.map(verdict => [verdict.status, verdict.code]))"""
    )
    assert [status for status, _ in verdicts] == ["sent", "sent", "dropped", "sent", "sent"]
    assert verdicts[2][1] == "body_too_large"
    once_each(beacon, "a", "b", "c", "d")


def test_a_page_that_returns_from_the_back_forward_cache_counts_and_delivers(browser: Browser, beacon: Beacon) -> None:
    for number, page in enumerate(visitors(browser), 1):
        page.goto(beacon.url())
        ready(page)
        make(page, f"before {number}")
        all_answered(page)
        leave = "name => { window.kept = setTimeout(() => { netiv.track(name); location.href = '/plain' }) }"
        page.evaluate(leave, f"left {number}")
        page.wait_for_url("**/plain")
        kept = goes_back(page)
        make(page, f"returned {number}")
        once_each(beacon, f"before {number}", f"left {number}", f"returned {number}")
        beacon.wait(lambda number=number: len(beacon.named("page")) == 2 * number)
        if kept:
            return
    pytest.fail("the browser never kept the page")


def test_the_engaged_page_ends_with_its_report(page: Page, beacon: Beacon) -> None:
    scrolled(page, beacon)
    # Counted from here, when the SDK is already counting: the second must be one that it saw, however long it took to load.
    page.evaluate("() => { window.since = Date.now() }")
    page.wait_for_function("() => Date.now() - since >= 1000")
    page.goto(beacon.url(path="/plain"))
    once_each(beacon, "engagement")
    [report] = beacon.named("engagement")
    assert report["properties"]["engaged_ms"] >= 1000
    assert 30 < report["properties"]["scroll_percent"] < 100
