"""The start hurts no page: little in the script's own task, nothing dear, no long task."""

from __future__ import annotations

from browser.beacon import Beacon
from browser.conftest import html, whole
from playwright.sync_api import Browser, Page

from bench.sdk_start import LIMIT_MS, site, start_of

# counts what makes a page wait for other processes, or is dear the first time
COUNT = """
window.used = [];
for (const [owner, name] of [[Intl, 'DateTimeFormat']]) {
  const original = owner[name];
  owner[name] = function (...values) { used.push(name); return original.apply(this, values); };
}
const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
Object.defineProperty(Document.prototype, 'cookie', {
  configurable: true,
  get() { used.push('cookie'); return get.call(this); },
  set(value) { used.push('cookie'); set.call(this, value); },
});
const found = Object.getOwnPropertyDescriptor(window, 'localStorage');
Object.defineProperty(window, 'localStorage', {
  configurable: true, get() { used.push('localStorage'); return found.get.call(window); },
});"""


def test_the_script_s_own_task_touches_no_storage(page: Page, beacon: Beacon) -> None:
    page.add_init_script(COUNT)
    beacon.pages["/"] = html("""onload="window.atOnce = [...used]; window.called = !!netiv.track" """)
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    assert page.evaluate("[atOnce, called]") == [[], True]
    used = page.evaluate("used")
    assert {"localStorage", "cookie"} <= set(used)
    assert "DateTimeFormat" not in used


def test_a_call_that_needs_the_visitor_gets_it_at_once(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    visitor = page.evaluate("netiv.visitorId()")
    beacon.pages["/"] = html(
        """onload="netiv.track('first'); window.told = netiv.visitorId(); netiv.track('second')" """
    )
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("second") and len(beacon.named("page")) == 2)
    assert page.evaluate("told") == visitor
    in_order = sorted(beacon.taken.values(), key=lambda event: event["seq"])
    assert [event.get("name") or event["type"] for event in in_order] == ["page", "page", "first", "second"]
    assert {event["visitor_id"] for event in in_order} == {visitor}


def test_a_page_that_ends_during_the_start_is_not_lost(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html("""onload="netiv.track('short'); location.href = '/plain'" """)
    page.goto(beacon.url(), wait_until="commit")
    page.wait_for_url("**/plain")
    beacon.wait(lambda: beacon.named("short") and beacon.named("page"))


def test_log_out_during_the_start_is_the_old_visitor_s(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    visitor = page.evaluate("netiv.visitorId()")
    beacon.pages["/"] = html("""onload="netiv.identify('u1'); netiv.reset(); netiv.track('nobody')" """)
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("nobody") and beacon.named("logged_out") and beacon.named("identify"))
    assert [
        (event["visitor_id"] == visitor, event.get("user_id"))
        for name in ("identify", "logged_out", "nobody")
        for event in beacon.named(name)
    ] == [(True, "u1"), (True, "u1"), (False, None)]


def test_the_time_zone_comes_along_where_it_costs_nothing(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    whole(page)
    page.evaluate("() => { netiv.track('later') }")
    beacon.wait(lambda: beacon.named("later"))
    assert beacon.named("later")[0]["context"]["timezone"] == page.evaluate("Temporal.Now.timeZoneId()")


def test_no_task_of_the_start_takes_long(browser: Browser) -> None:
    # CPU time, the least of some runs: what the code takes, whatever else the machine does
    with site() as url:
        runs = [start_of(browser, url) for _ in range(4)]
    assert all(len(tasks) >= 4 for tasks in runs), runs
    assert min(max(tasks) for tasks in runs) < LIMIT_MS, runs
