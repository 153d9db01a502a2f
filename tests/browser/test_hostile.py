"""Places where little is allowed: no storage, no cookies, a full disk, a strict policy, a blocker; and odd text."""

from __future__ import annotations

from browser.beacon import Beacon
from browser.conftest import all_answered, html, ready, small_only, whole
from playwright.sync_api import BrowserContext, Page


@small_only
def test_a_sandbox_without_storage_cookies_and_locks(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html(body="<script>setTimeout(() => netiv.track('inside'), 0)</script>").replace("async ", "")
    beacon.pages["/frame"] = "<!doctype html><title>Frame</title><iframe sandbox=allow-scripts src=/></iframe>"
    page.goto(beacon.url(path="/frame"))
    beacon.wait(lambda: beacon.named("inside") and beacon.named("page"))
    assert len(beacon.events) == 2
    assert beacon.arrivals[0].headers["origin"] == "null"


def test_cookies_switched_off(context: BrowserContext, page: Page, beacon: Beacon) -> None:
    context.new_cdp_session(page).send("Emulation.setDocumentCookieDisabled", {"disabled": True})
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    visitor = page.evaluate("netiv.visitorId()")
    assert page.evaluate("document.cookie") == ""
    page.reload()
    ready(page)
    assert page.evaluate("netiv.visitorId()") == visitor
    beacon.wait(lambda: len(beacon.named("page")) == 2)


FILL = """() => { let step = 1 << 20, text = 'x'.repeat(step);
  for (let n = 0; step >= 1;) { try { localStorage['page' + n] = text; n++ } catch { step >>= 1; text = 'x'.repeat(step) } } }"""


def test_a_disk_full_from_the_start_costs_nothing(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url(path="/plain"))
    page.evaluate(FILL)
    page.goto(beacon.url())
    ready(page)
    verdicts = page.evaluate("() => Promise.all(['a', 'b', 'c'].map(name => netiv.track(name)))")
    assert {verdict["status"] for verdict in verdicts} == {"sent"}
    beacon.wait(lambda: beacon.named("page"))


def test_a_disk_that_fills_up_drops_the_oldest_and_says_so(page: Page, beacon: Beacon) -> None:
    beacon.mode = "503"
    page.goto(beacon.url())
    ready(page)
    page.evaluate(
        "() => { window.lost = []; netiv.on('dropped', (verdict, event) => lost.push([verdict.code, event.name || event.type])) }"
    )
    page.evaluate("() => ['a', 'b', 'c'].forEach(name => { netiv.track(name) })")
    page.evaluate(FILL)
    page.evaluate("() => { netiv.track('newest', {filler: 'x'.repeat(500)}) }")
    lost = page.evaluate("lost")
    assert lost
    assert lost[0] == ["quota", "page"]
    assert {code for code, _ in lost} == {"quota"}
    beacon.mode = "ok"
    page.evaluate("() => netiv.flush()")
    beacon.wait(lambda: beacon.named("newest"))
    arrived = {event.get("name") or event["type"] for event in beacon.taken.values()}
    assert arrived == {"page", "a", "b", "c", "newest"} - {name for _, name in lost}


def test_a_strict_policy(page: Page, beacon: Beacon) -> None:
    beacon.csp = "default-src 'none'; script-src 'nonce-abc123'; connect-src 'self'"
    beacon.pages["/"] = html('nonce="abc123"', body="<a id=out href='http://elsewhere.example/'>x</a>")
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    whole(page)
    assert any("GET /netiv." in request and request != "GET /netiv.js" for request in beacon.requests)
    page.click("#out", no_wait_after=True)
    beacon.wait(lambda: beacon.named("outbound_click"))
    assert refused == []


def test_a_blocker_of_v1_and_a_path_of_the_site_s_own(page: Page, beacon: Beacon) -> None:
    beacon.blocked = "/v1/"
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => { netiv.track('kept') }")
    page.wait_for_function("() => localStorage.getItem('nv_w')")
    beacon.pages["/"] = html().replace("/netiv.js", "/assets/n/netiv.js")
    page.goto(beacon.url())
    all_answered(page)
    beacon.wait(lambda: beacon.named("kept") and len(beacon.named("page")) == 2)
    assert {each.path for each in beacon.arrivals} == {"/assets/n/v1/events"}


def test_host_and_path_can_be_given(page: Page, beacon: Beacon) -> None:
    host = beacon.url("collector.shop.example", "").rstrip("/")
    beacon.pages["/"] = html(f'data-host="{host}" data-path="/x"')
    page.goto(beacon.url("www.shop.example"))
    beacon.wait(lambda: beacon.named("page"))
    assert beacon.arrivals[0].path == "/x/v1/events"
    assert beacon.arrivals[0].headers["host"].startswith("collector.shop.example")


def test_hebrew_emoji_and_what_is_no_text(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url(path="/?utm_campaign=מבצע"))
    ready(page)
    statuses = page.evaluate(
        r"""() => Promise.all([netiv.track('קנייה 🛒', {text: 'שלום עולם 👩‍👩‍👧', half: 'a\ud83d', nul: 'a\0b'}),
            netiv.track('huge', {n: 10n}), netiv.track('round', (() => { const o = {}; o.o = o; return o })())])
            .then(all => all.map(verdict => [verdict.status, verdict.code]))"""
    )
    assert statuses == [["sent", None], ["dropped", "error"], ["dropped", "error"]]
    [event] = beacon.named("קנייה 🛒")
    assert event["properties"] == {"text": "שלום עולם 👩‍👩‍👧", "half": "a\ufffd", "nul": "ab"}
    assert event["context"]["campaign"] == {"name": "מבצע"}


def test_handlers_of_the_page_that_throw_hurt_nobody(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url())
    ready(page)
    page.evaluate("() => netiv.on('sent', () => { throw new Error('of the page') })")
    assert page.evaluate("() => netiv.track('fine').then(verdict => verdict.status)") == "sent"


def test_debug_prints_what_is_sent_and_the_verdict(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-debug="on"')
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.text))
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    all_answered(page)
    assert any(line.startswith("netiv") and beacon.key in line and "202" in line for line in lines)


def test_the_page_s_own_names_stay_its_own(page: Page, beacon: Beacon) -> None:
    page.goto(beacon.url(path="/plain"))
    names = "() => Object.getOwnPropertyNames(window).filter(name => name !== 'netiv' && !/^\\d+$/.test(name)).sort()"
    before = page.evaluate(names)
    page.goto(beacon.url())
    whole(page)
    assert page.evaluate(names) == before
    assert page.evaluate("document.activeElement === document.body")
