"""Who a visitor is: the cookie and its copy, consent before everything, objections, log-out, the hop to another domain."""

from __future__ import annotations

import time
from typing import Any

import pytest
from browser.beacon import Beacon
from browser.conftest import html, ready, small_only, whole
from playwright.sync_api import BrowserContext, Page

STORED = "() => [document.cookie, ...Object.keys(localStorage)].join(' ').trim()"


def shop(beacon: Beacon, path: str = "/", host: str = "www.shop.example") -> str:
    """An address of the shop's site."""
    return beacon.url(host, path)


def test_the_cookie_lies_on_the_registrable_domain_for_13_months(
    context: BrowserContext, page: Page, beacon: Beacon
) -> None:
    page.goto(shop(beacon))
    ready(page)
    beacon.wait(lambda: beacon.named("page"))
    [cookie] = [each for each in context.cookies() if each["name"] == "nv_id" and each["domain"].startswith(".")]
    assert cookie["domain"] == ".shop.example"
    assert (cookie["sameSite"], cookie["httpOnly"]) == ("Lax", False)
    assert 395 < (cookie["expires"] - time.time()) / 86_400 < 401
    other = context.new_page()
    other.goto(shop(beacon, host="blog.shop.example"))
    ready(other)
    assert other.evaluate("netiv.visitorId()") == page.evaluate("netiv.visitorId()") == cookie["value"]


def test_the_copy_in_storage_outlives_the_cookie_and_the_server_s_cookie_outlives_the_copy(
    context: BrowserContext, page: Page, beacon: Beacon
) -> None:
    page.goto(beacon.url())
    ready(page)
    visitor = page.evaluate("netiv.visitorId()")
    context.clear_cookies()
    page.reload()
    ready(page)
    assert page.evaluate("netiv.visitorId()") == visitor
    page.evaluate("localStorage.clear()")
    page.reload()
    ready(page)
    assert page.evaluate("netiv.visitorId()") == visitor


@small_only
def test_cookies_go_along_to_the_own_origin(context: BrowserContext, page: Page, beacon: Beacon) -> None:
    beacon.cookie = "nv_id=refreshed-by-server; Path=/; Max-Age=1000; SameSite=Lax"
    page.goto(beacon.url())
    ready(page)
    visitor = page.evaluate("netiv.visitorId()")
    page.wait_for_function("() => document.cookie.includes('refreshed-by-server')")
    page.evaluate("() => { netiv.track('second') }")
    beacon.wait(lambda: beacon.named("second"))
    assert "nv_id=" in beacon.arrivals[-1].headers["cookie"]
    assert beacon.named("second")[0]["visitor_id"] == visitor


def test_identify_names_the_events_that_follow_and_reset_ends_it(page: Page, beacon: Beacon) -> None:
    page.goto(shop(beacon))
    ready(page)
    before = page.evaluate("netiv.visitorId()")
    page.evaluate(
        "() => Promise.all([netiv.identify({user_id: 'u1', email: 'dana@example.com'}, {plan: 'gold'}), netiv.track('bought')])"
    )
    page.reload()
    ready(page)
    page.evaluate("() => Promise.all([netiv.track('still'), netiv.reset(), netiv.track('nobody')])")
    [identify] = beacon.named("identify")
    assert (identify["user_id"], identify["email"], identify["properties"]) == (
        "u1",
        "dana@example.com",
        {"plan": "gold"},
    )
    users = {name: beacon.named(name)[0].get("user_id") for name in ("bought", "still", "logged_out", "nobody")}
    assert users == {"bought": "u1", "still": "u1", "logged_out": "u1", "nobody": None}
    page.reload()
    ready(page)
    assert beacon.named("logged_out")[0]["visitor_id"] == before
    assert beacon.named("nobody")[0]["visitor_id"] == page.evaluate("netiv.visitorId()") != before


def test_the_user_may_come_from_the_server_s_page(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-user="u7"')
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    assert beacon.named("page")[0]["user_id"] == "u7"


def test_nothing_before_consent_then_everything_then_nothing_again(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-consent="required"')
    page.goto(beacon.url(path="/?utm_source=ad"))
    ready(page)
    page.evaluate("() => { netiv.track('early'); netiv.flush() }")
    whole(page)
    assert page.evaluate(STORED) == ""
    assert not beacon.arrivals
    page.evaluate("() => netiv.consent('granted')")
    beacon.wait(lambda: beacon.named("early") and beacon.named("page"))
    assert beacon.named("page")[0]["context"]["consent"] == "granted"
    assert "nv_id" in page.evaluate(STORED)
    page.evaluate("() => netiv.consent('denied')")
    assert page.evaluate(STORED) == "nv_c"
    verdict = page.evaluate("() => netiv.track('after')")
    assert (verdict["status"], verdict["code"]) == ("dropped", "consent")
    page.reload()
    ready(page)
    assert page.evaluate("() => netiv.track('after').then(verdict => verdict.code)") == "consent"
    assert page.evaluate(STORED) == "nv_c"
    assert not beacon.named("after")


def test_a_denial_drops_what_waits(page: Page, beacon: Beacon) -> None:
    beacon.mode = "503"
    page.goto(beacon.url())
    ready(page)
    page.evaluate(
        "() => { window.codes = []; netiv.on('dropped', verdict => codes.push(verdict.code)); netiv.track('waits') }"
    )
    page.evaluate("() => netiv.consent({analytics: false, marketing: true})")
    assert page.evaluate("codes") == ["consent", "consent"]
    assert page.evaluate(STORED) == "nv_c"


@small_only
def test_cookieless_before_consent_and_the_same_visitor_after_it(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-consent="cookieless"')
    beacon.cookie = "nv_id=from-the-server; Path=/"
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    assert page.evaluate(STORED) == ""
    assert "cookie" not in beacon.arrivals[0].headers
    beacon.cookie = ""
    page.evaluate("() => { netiv.consent({analytics: true}); netiv.track('now') }")
    beacon.wait(lambda: beacon.named("now"))
    assert beacon.named("now")[0]["visitor_id"] == beacon.named("page")[0]["visitor_id"]
    assert beacon.named("now")[0]["context"]["consent"] == {"analytics": True}
    assert "nv_id" in page.evaluate(STORED)


@pytest.mark.parametrize(
    ("attributes", "objection", "sent"),
    [
        ('data-gpc="on"', {"globalPrivacyControl": True}, False),
        ("", {"globalPrivacyControl": True}, True),
        ('data-dnt="on"', {"doNotTrack": "1"}, False),
        ('data-dnt="on"', {"doNotTrack": "unspecified"}, True),
        ('data-gpc="on" data-consent="cookieless"', {"globalPrivacyControl": True}, True),
    ],
)
def test_objections_of_the_browser(
    attributes: str, objection: dict[str, Any], sent: bool, page: Page, beacon: Beacon
) -> None:
    [(name, value)] = objection.items()
    page.add_init_script(
        f"Object.defineProperty(navigator, '{name}', {{get: () => {str(value).lower() if value is True else repr(value)}}})"
    )
    beacon.pages["/"] = html(attributes)
    page.goto(beacon.url())
    ready(page)
    verdict = page.evaluate("() => netiv.track('asked')")
    assert verdict["status"] == ("sent" if sent else "dropped")
    if not sent or "cookieless" in attributes:
        assert page.evaluate(STORED) == ""


@pytest.mark.parametrize("way", ["link", "form", "post"])
def test_the_hop_to_another_own_domain_carries_the_visitor(
    way: str, context: BrowserContext, page: Page, beacon: Beacon
) -> None:
    domains = 'data-domains="shop.example, partner.example"'
    goal = beacon.url("www.partner.example", "/next?a=1")
    body = f"""<a id=link href="{goal}">go</a><form id=form action="{goal}"><input name=q value=x></form>
        <form id=post method=post action="{goal}"></form>"""
    beacon.pages["/"] = html(domains, body=body)
    beacon.pages["/next"] = html(domains, title="Next")
    page.goto(shop(beacon))
    whole(page)
    visitor = page.evaluate("netiv.visitorId()")
    if way == "link":
        page.click("#link")
    else:
        page.evaluate("id => document.getElementById(id).requestSubmit()", way)
    page.wait_for_url("**/next**")
    ready(page)
    assert page.evaluate("netiv.visitorId()") == visitor
    assert "nv_l" not in page.url
    assert ("q=x" if way == "form" else "a=1") in page.url
    beacon.wait(lambda: len(beacon.named("page")) == 2)
    assert {event["visitor_id"] for event in beacon.events} == {visitor}
    assert not beacon.named("outbound_click")


def test_a_hop_to_a_domain_that_knows_the_browser_links_the_two(page: Page, beacon: Beacon) -> None:
    domains = 'data-domains="shop.example,partner.example"'
    goal = beacon.url("www.partner.example", "/next")
    beacon.pages["/"] = html(domains, body=f'<a id=link href="{goal}">go</a>')
    beacon.pages["/next"] = html(domains, title="Next")
    page.goto(goal)
    ready(page)
    theirs = page.evaluate("netiv.visitorId()")
    page.goto(shop(beacon))
    whole(page)
    ours = page.evaluate("netiv.visitorId()")
    page.click("#link")
    page.wait_for_url("**/next**")
    beacon.wait(lambda: beacon.named("identify"))
    [link] = beacon.named("identify")
    assert (link["visitor_id"], link["identifiers"]) == (theirs, {"visitor_id": ours})


def test_a_link_two_minutes_old_or_forged_names_nobody(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-domains="shop.example,partner.example"', body="<a id=link>go</a>")
    page.goto(shop(beacon))
    whole(page)
    page.evaluate(
        "goal => { const a = document.getElementById('link'); a.href = goal; a.onclick = () => false }",
        beacon.url("b.partner.example"),
    )
    page.click("#link")
    link = page.evaluate("document.getElementById('link').href")
    assert "nv_l=" in link
    visitor = page.evaluate("netiv.visitorId()")
    page.clock.install(time=time.time() + 125)
    page.goto(link)
    ready(page)
    assert page.evaluate("netiv.visitorId()") != visitor
    assert "nv_l" not in page.url


def test_an_answer_holds_in_every_open_tab(context: BrowserContext, page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-consent="required"')
    other = context.new_page()
    for tab in (page, other):
        tab.goto(beacon.url())
        ready(tab)
    page.evaluate("() => netiv.consent('granted')")
    beacon.wait(lambda: len(beacon.named("page")) == 2)
    page.evaluate("() => netiv.consent('denied')")
    other.wait_for_function("() => netiv.track('asked').then(verdict => verdict.code === 'consent')")
    assert page.evaluate(STORED) == other.evaluate(STORED) == "nv_c"
