"""A page is not ours alone: old libraries, calls that can't be made, log-outs that clear everything, proxies that say 200."""

from __future__ import annotations

import json

import pytest
from browser.beacon import Answered, Beacon
from browser.conftest import all_answered, goes_back, html, ready, small_only, visitors, whole
from playwright.sync_api import Browser, BrowserContext, Page

STORED = "() => [document.cookie.replace(/nv_p=\\w+/, ''), ...Object.keys(localStorage)].join(' ').trim()"
PROTOTYPE_1_6 = """<script>
Array.prototype.toJSON = function () { return '[' + this.map(JSON.stringify).join(', ') + ']' };
String.prototype.toJSON = function () { return '"' + this + '"' };
Number.prototype.toJSON = function () { return this.toString() };
</script>"""


def test_an_old_library_that_changes_json(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = PROTOTYPE_1_6 + html()
    page.goto(beacon.url(path="/?utm_source=ad"))
    ready(page)
    page.evaluate("() => { netiv.track('first', {list: [1, 'two']}); netiv.track('second') }")
    beacon.wait(lambda: beacon.named("first") and beacon.named("second"))
    assert beacon.named("first")[0]["properties"] == {"list": [1, "two"]}
    assert beacon.named("second")[0]["context"]["campaign"] == {"source": "ad"}


def test_a_call_that_cannot_be_made_keeps_no_other_away(page: Page, beacon: Beacon) -> None:
    calls = "['nonsense', []], ['identify', [null]], ['track', ['after']]"
    beacon.pages["/"] = f"<!doctype html><script>window.netiv = {{q: [{calls}]}}</script>" + html()
    page.goto(beacon.url())
    whole(page)
    page.evaluate("() => { netiv.identify(null) }")
    beacon.wait(lambda: beacon.named("after") and len(beacon.named("identify")) == 2)


def test_a_log_out_that_clears_the_storage(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    ready(page)
    verdicts = page.evaluate(
        "() => { const calls = [netiv.track('last'), netiv.reset()]; localStorage.clear(); return Promise.all(calls) }"
    )
    assert [verdict["status"] for verdict in verdicts] == ["sent", "sent"]
    assert beacon.named("last")
    assert beacon.named("logged_out")


@small_only
def test_only_the_collector_s_own_word_ends_the_wait(page: Page, beacon: Beacon) -> None:
    take = beacon._take

    async def portal(path: str, headers: dict[str, str], content: bytes) -> Answered:
        beacon._note(path, headers, json.loads(content), 200)
        return Answered(200, b"<!doctype html><title>Log in</title>")

    beacon._take = portal  # type: ignore[method-assign]
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => { netiv.track('kept') }")
    page.wait_for_function("() => localStorage.nv_w")
    beacon._take = take  # type: ignore[method-assign]
    page.evaluate("() => netiv.flush()")
    beacon.wait(lambda: beacon.named("kept") and beacon.named("page"))


def test_an_address_over_8_kb_costs_no_event(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url(path="/?utm_content=" + "x" * 9000))
    ready(page)
    assert page.evaluate("() => netiv.track('here').then(verdict => verdict.status)") == "sent"


def test_a_cookie_of_another_software_is_nobody(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = "<!doctype html><script>document.cookie = 'nv_id=<b>none</b>'</script>" + html()
    page.goto(beacon.url())
    ready(page)
    beacon.wait(lambda: beacon.named("page"))
    assert len(beacon.named("page")[0]["visitor_id"]) == 32


@small_only
def test_an_answer_after_the_denial_leaves_no_cookie(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url("www.shop.example"))
    ready(page)
    beacon.wait(lambda: beacon.named("page"))
    beacon.cookie = "nv_id=from-the-server; Path=/"
    beacon.mode = "slow"
    with page.expect_response("**/v1/events"):
        with page.expect_request("**/v1/events"):
            page.evaluate("() => { netiv.track('under way') }")
        page.evaluate("() => netiv.consent('denied')")
    page.wait_for_function("() => !document.cookie.includes('nv_id')")
    assert page.evaluate(STORED) == "nv_c"


def test_a_denial_removes_the_domain_s_cookie_of_earlier_visits(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url("www.shop.example"))
    ready(page)
    beacon.wait(lambda: beacon.named("page"))
    page.evaluate("() => localStorage.clear()")
    beacon.pages["/asks"] = html('data-consent="required"')
    page.goto(beacon.url("www.shop.example", "/asks"))
    ready(page)
    page.evaluate("() => netiv.consent('denied')")
    assert page.evaluate(STORED) == "nv_c"


def test_log_out_in_one_tab_is_log_out_in_all(context: BrowserContext, page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    ready(page)
    other = context.new_page()
    other.goto(beacon.url())
    ready(other)
    page.evaluate("() => netiv.identify('u1')")
    page.evaluate("() => netiv.reset()")
    other.wait_for_function("visitor => netiv.visitorId() === visitor", arg=page.evaluate("netiv.visitorId()"))
    other.evaluate("() => netiv.identify('u2')")
    first, second = (
        next(event for event in beacon.named("identify") if event["user_id"] == user) for user in ("u1", "u2")
    )
    assert first["visitor_id"] != second["visitor_id"]


@small_only
def test_a_denial_while_another_tab_removes_a_key(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    whole(page)
    all_answered(page)
    page.evaluate("() => { localStorage.setItem('nv_qk_test.0', ''); netiv.consent('denied') }")
    assert page.evaluate(STORED) == "nv_c"


def test_a_denial_holds_on_the_way_back(browser: Browser, beacon: Beacon) -> None:
    for page in visitors(browser):
        page.goto(beacon.url())
        whole(page)
        all_answered(page)
        page.evaluate("() => { window.kept = true }")
        page.goto(beacon.url(path="/next"))
        ready(page)
        # an answer that is under way as its page ends could bring the cookie again, until the next page
        assert page.evaluate("() => netiv.track('before').then(verdict => verdict.status)") == "sent"
        all_answered(page)
        page.evaluate("() => netiv.consent('denied')")
        kept = goes_back(page)
        assert page.evaluate("() => netiv.track('after').then(verdict => verdict.code)") == "consent"
        assert page.evaluate(STORED) == "nv_c"
        if kept:
            return
    pytest.fail("the browser never kept the page")


def test_an_icon_with_a_shadow_in_a_link(page: Page, beacon: Beacon) -> None:
    icon = """<a href="http://elsewhere.example/"><x-icon></x-icon></a><script>
      customElements.define('x-icon', class extends HTMLElement {
        constructor() { super(); this.attachShadow({mode: 'open'}).innerHTML = '<b id=inner>icon</b>' } })</script>"""
    beacon.pages["/"] = html(body=icon)
    page.goto(beacon.url())
    whole(page)
    page.locator("#inner").click(no_wait_after=True)
    beacon.wait(lambda: beacon.named("outbound_click"))
