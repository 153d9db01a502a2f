"""What stands between a page and its collector, and what else a page holds: filters, portals, names that hide the document's
own, huge values, other tabs that remove keys. No event is lost to them, none is told as sent that isn't."""

from __future__ import annotations

import json

import pytest
from browser.beacon import Answered, Beacon
from browser.conftest import html, ready, scrolled, small_only, whole
from playwright.sync_api import BrowserContext, Page

REFUSALS = {
    "a portal's page": Answered(400, b"<!doctype html><title>Bad request</title>"),
    "a filter's page": Answered(403, b"<!doctype html><title>Forbidden</title>"),
    "a gateway's JSON": Answered(400, b'{"error": {"code": 400, "message": "Bad Request"}}', "application/json"),
    "JSON that looks alike": Answered(200, b'{"rejected": true}', "application/json"),
}


def refuse(beacon: Beacon, refusal: Answered, word: str = "") -> None:
    """Something before the collector answers in its place, where a body holds this word."""
    take = beacon._take

    async def between(path: str, headers: dict[str, str], content: bytes) -> Answered:
        if word.encode() not in content or beacon.mode == "ok":
            return await take(path, headers, content)
        beacon._note(path, headers, json.loads(content), refusal.status)
        return refusal

    beacon._take = between  # type: ignore[method-assign]
    beacon.mode = "between"


@small_only
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_that_is_not_the_collector_s_drops_nothing(refusal: Answered, page: Page, beacon: Beacon) -> None:
    refuse(beacon, refusal)
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => { window.told = []; netiv.on('dropped', verdict => told.push(verdict)); netiv.track('kept') }")
    beacon.wait(lambda: len(beacon.arrivals) > 2)
    beacon.mode = "ok"
    page.evaluate("() => netiv.flush()")
    beacon.wait(lambda: beacon.named("kept") and beacon.named("page"))
    assert page.evaluate("told") == []


@small_only
def test_an_event_that_a_filter_dislikes_holds_up_no_other(page: Page, beacon: Beacon) -> None:
    refuse(beacon, REFUSALS["a filter's page"], "union select")
    page.goto(beacon.url())
    ready(page)
    page.evaluate(
        "() => { netiv.track('a'); netiv.track('search', {q: '1 union select 2'}); netiv.track('b'); netiv.track('c') }"
    )
    beacon.wait(lambda: all(beacon.named(name) for name in ("page", "a", "b", "c")))
    assert not beacon.named("search")
    beacon.mode = "ok"  # the filter is mended
    page.evaluate("() => netiv.flush()")
    beacon.wait(lambda: beacon.named("search"))


@small_only
def test_no_code_comes_from_an_element_that_is_named_like_the_script(page: Page, beacon: Beacon) -> None:
    # an image that a visitor may post into a page, name and all
    image = f'<img name="currentScript" src="{beacon.url("evil.example", "/x/y.png")}" data-key="wk_evil">'
    beacon.pages["/"] = "<!doctype html>" + image + html(attributes='onload="window.over = 1"')
    page.goto(beacon.url("www.shop.example"))
    page.wait_for_function("() => window.over")
    page.wait_for_load_state("networkidle")
    assert [request for request in beacon.requests if "/x/" in request] == ["GET /x/y.png"]


def test_elements_named_like_the_document_s_own_texts(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html(body="<img name=title><form name=referrer></form>").replace("async ", "defer ")
    page.goto(beacon.url())
    ready(page)
    body = "(() => { const body = document.body; body.own = {body}; return {body} })()"
    assert page.evaluate(f"() => netiv.track('seen', {body}).then(verdict => verdict.status)") == "sent"
    [seen] = beacon.named("seen")
    assert (seen["context"]["title"], seen["context"]["referrer"], seen["properties"]) == ("", "", {"body": ""})


def test_long_texts_in_hebrew_cost_no_event(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    ready(page)
    sent = "() => netiv.track('long', {text: 'שלום'.repeat(2500)}).then(verdict => verdict.status)"
    assert page.evaluate(sent) == "sent"
    assert beacon.named("long")[0]["properties"]["text"] == "שלום" * 2000


def test_an_event_of_megabytes_pushes_no_other_out(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-debug="on"')
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.text))
    beacon.mode = "503"
    page.goto(beacon.url())
    ready(page)
    page.evaluate(
        "() => { window.told = []; netiv.on('dropped', (verdict, event) => told.push([event.type, verdict])) }"
    )
    page.evaluate(
        "() => { netiv.track('before'); netiv.track('huge', {list: Array.from({length: 1e6}, (_, n) => n)}) }"
    )
    [[kind, verdict]] = page.evaluate("told")
    assert (kind, verdict["code"], verdict["message"]) == ("track", "error", "over 60 kB")
    assert any("over 60 kB" in line for line in lines)
    beacon.mode = "ok"
    page.evaluate("() => netiv.flush()")
    beacon.wait(lambda: beacon.named("before") and beacon.named("page"))


def test_keys_removed_by_another_tab_are_not_told_as_sent(context: BrowserContext, page: Page, beacon: Beacon) -> None:
    beacon.mode = "503"
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => { netiv.track('mine').then(verdict => { window.told = verdict.status }) }")
    beacon.wait(lambda: beacon.arrivals)
    other = context.new_page()
    other.goto(beacon.url(path="/plain"))
    page.evaluate("() => { addEventListener('storage', event => { window.heard = event.key === 'end' }) }")
    other.evaluate(
        "() => { Object.keys(localStorage).forEach(key => localStorage.removeItem(key)); localStorage.end = 1 }"
    )
    page.wait_for_function("() => window.heard")
    assert page.evaluate("window.told") is None
    beacon.mode = "ok"
    page.evaluate("() => netiv.flush()")
    page.wait_for_function("() => window.told === 'sent'")
    assert beacon.named("mine")


def test_what_a_route_was_looked_at_is_said_of_that_route(page: Page, beacon: Beacon) -> None:
    scrolled(page, beacon)
    page.evaluate("() => { history.pushState({}, '', '/second') }")
    beacon.wait(lambda: beacon.named("engagement") and len(beacon.named("page")) == 2)
    assert beacon.named("engagement")[0]["context"]["url"] == beacon.url()
    assert sorted(event["context"]["url"] for event in beacon.named("page")) == [
        beacon.url(),
        beacon.url(path="/second"),
    ]


@small_only
def test_own_domains_in_any_spelling(page: Page, beacon: Beacon) -> None:
    links = '<a id=a href="http://חנות.example/">a</a><a id=b href="http://pay.other.example/">b</a>'
    beacon.pages["/"] = html('data-domains="חנות.example, Pay.Other.example"', body=links)
    page.goto(beacon.url("www.shop.example"))
    whole(page)
    page.evaluate("() => { addEventListener('click', event => event.preventDefault()) }")
    page.click("#a")
    page.click("#b")
    assert all("nv_l=" in href for href in page.evaluate("[a.href, b.href]"))
    page.evaluate("() => { netiv.track('end') }")
    beacon.wait(lambda: beacon.named("end"))
    assert not beacon.named("outbound_click")


@small_only
def test_a_button_that_sends_its_form_elsewhere(page: Page, beacon: Beacon) -> None:
    form = '<base href="/folder/"><form method=post action=here><button id=x formaction="http://pay.example/buy">x</button>'
    beacon.pages["/"] = html('data-domains="pay.example"', body=form + "<button id=y>y</button></form>")
    page.goto(beacon.url("www.shop.example"))
    whole(page)
    page.evaluate("() => { addEventListener('submit', event => event.preventDefault()) }")
    page.click("#x")
    page.click("#y")
    beacon.wait(lambda: len(beacon.named("form_submitted")) == 2)
    first, second = sorted(beacon.named("form_submitted"), key=lambda event: event["seq"])
    assert first["properties"]["url"] == "http://pay.example/buy"
    assert second["properties"]["url"] == beacon.url("www.shop.example", "/folder/here")
    assert "nv_l=" in page.evaluate("document.querySelector('#x').formAction")
    assert "nv_l=" not in page.evaluate("document.querySelector('form').action")


def test_a_prepared_page_with_the_module_is_no_visit_until_it_is_shown(page: Page, beacon: Beacon) -> None:
    page.add_init_script("Object.defineProperty(document, 'prerendering', {get: () => !window.shown})")
    beacon.pages["/"] = """<!doctype html><title>Module</title><script type=module>
        import { init } from '/netiv.mjs';
        window.sdk = init({ key: 'wk_test', engagement: 'off' });
        window.early = [sdk.visitorId()];
        sdk.track('early').then(verdict => early.push(verdict.status));
        window.begun = 1;</script>"""
    page.goto(beacon.url())
    page.wait_for_function("() => window.begun")
    page.wait_for_load_state("networkidle")
    assert not beacon.arrivals
    page.evaluate("() => { window.shown = 1; document.dispatchEvent(new Event('prerenderingchange')) }")
    page.wait_for_function("() => early[1]")
    beacon.wait(lambda: beacon.named("page") and beacon.named("early"))
    assert page.evaluate("early") == ["", "sent"]
    assert page.evaluate("sdk.visitorId()") == beacon.named("page")[0]["visitor_id"]
