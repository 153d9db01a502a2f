"""What the SDK sees by itself: routes, links, files, forms; and the optional modules."""

from __future__ import annotations

import pytest
from browser.beacon import Beacon
from browser.conftest import html, ready, whole
from playwright.sync_api import BrowserContext, Page


def open_page(page: Page, beacon: Beacon, path: str = "/") -> None:
    """A page with its automatic parts at work."""
    page.goto(beacon.url(path=path))
    whole(page)


def test_a_single_page_app_with_ten_routes(page: Page, beacon: Beacon) -> None:
    open_page(page, beacon)
    for route in range(10):
        page.evaluate("r => { history.pushState({}, '', '/route/' + r); document.title = 'Route ' + r }", route)
    beacon.wait(lambda: len(beacon.named("page")) == 11)
    page.go_back()
    beacon.wait(lambda: len(beacon.named("page")) == 12)
    pages = sorted(beacon.named("page"), key=lambda event: event["seq"])
    paths = [event["context"]["url"].partition(str(beacon.port))[2] for event in pages]
    assert paths == ["/", *(f"/route/{n}" for n in range(10)), "/route/8"]
    assert pages[10]["context"]["title"] == "Route 9"
    assert pages[10]["context"]["referrer"].endswith("/route/8")
    assert pages[1]["context"]["landing_referrer"] == ""


@pytest.mark.parametrize(
    ("attributes", "seen"), [("", ["/#/a"]), ('data-hash="on"', ["/#top", "/#/a"]), ('data-pages="off"', [])]
)
def test_fragments_are_routes_where_they_look_like_routes(
    attributes: str, seen: list[str], page: Page, beacon: Beacon
) -> None:
    beacon.pages["/"] = html(attributes)
    page.goto(beacon.url())
    whole(page)
    page.evaluate("location.hash = 'top'")
    page.evaluate("new Promise(done => setTimeout(done))")
    page.evaluate("location.hash = '/a'")
    page.evaluate("new Promise(done => setTimeout(done)).then(() => { netiv.track('end') })")
    beacon.wait(lambda: beacon.named("end"))
    urls = [event["context"]["url"].partition(str(beacon.port))[2] for event in beacon.named("page")]
    assert urls == (["/", *seen] if "pages" not in attributes else [])


def test_links_files_and_forms(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html(
        body="""<a id=out href="http://elsewhere.example/x?y=1">out <b>bold</b></a> <a id=file href="/a.PDF">file</a>
        <a id=in href="/plain">in</a>
        <form id=f name=signup action="/plain?secret=1"><input name=email value="dana@example.com"><input name=pass type=password value=hunter2>
        <button name=go>go</button></form>"""
    )
    open_page(page, beacon)
    page.evaluate("addEventListener('click', event => event.target.closest('a') && event.preventDefault())")
    page.click("#out b")
    page.click("#file")
    page.click("#in")
    page.click("button")
    beacon.wait(lambda: beacon.named("form_submitted"))
    port = beacon.port
    assert [event["properties"] for event in beacon.named("outbound_click")] == [
        {"url": "http://elsewhere.example/x?y=1"}
    ]
    [file] = beacon.named("file_downloaded")
    assert (file["properties"]["url"], file["properties"]["extension"]) == (f"http://127.0.0.1:{port}/a.PDF", "PDF")
    [form] = beacon.named("form_submitted")
    assert form["properties"] == {
        "form_id": "f",
        "form_name": "signup",
        "url": f"http://127.0.0.1:{port}/plain",
        "fields": ["email", "pass", "go"],
    }
    assert "hunter2" not in str([each.body for each in beacon.arrivals])


def test_each_automatic_part_can_be_switched_off(page: Page, beacon: Beacon) -> None:
    off = 'data-pages="off" data-links="off" data-downloads="off" data-forms="off"'
    beacon.pages["/"] = html(
        off, body='<a id=out href="http://elsewhere.example/">x</a><form><button>go</button></form>'
    )
    page.goto(beacon.url())
    whole(page)
    page.evaluate(
        "addEventListener('click', event => event.preventDefault()); addEventListener('submit', event => event.preventDefault())"
    )
    page.click("#out")
    page.click("button")
    page.evaluate("() => { history.pushState({}, '', '/x'); netiv.track('only') }")
    beacon.wait(lambda: beacon.named("only"))
    assert [event.get("name") for event in beacon.events] == ["only"]


def test_without_the_automatic_parts_their_file_is_not_loaded(page: Page, beacon: Beacon) -> None:
    beacon.pages["/"] = html('data-auto="off"')
    page.goto(beacon.url())
    beacon.wait(lambda: beacon.named("page"))
    page.wait_for_load_state("networkidle")
    assert [request for request in beacon.requests if "netiv" in request] == ["GET /netiv.js"]


def test_a_prepared_page_is_no_visit_until_it_is_shown(page: Page, beacon: Beacon) -> None:
    page.add_init_script(
        """Object.defineProperty(document, 'prerendering', {get: () => !window.shown, configurable: true})"""
    )
    page.goto(beacon.url())
    page.wait_for_load_state("networkidle")
    assert not page.evaluate("!!window.netiv")
    assert not beacon.arrivals
    page.evaluate("() => { window.shown = 1; document.dispatchEvent(new Event('prerenderingchange')) }")
    beacon.wait(lambda: beacon.named("page"))


def test_the_campaign_is_kept_for_the_session_and_not_for_the_next(context: BrowserContext, beacon: Beacon) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(beacon.url(path="/?utm_source=%D7%97%D7%93%D7%A9%D7%95%D7%AA&fbclid=IwAR0"))
    ready(page)
    page.clock.run_for(29 * 60_000)
    page.goto(beacon.url(path="/next"))
    ready(page)
    page.clock.run_for(31 * 60_000)
    page.evaluate("() => { netiv.track('later') }")
    page.clock.run_for(100)
    beacon.wait(lambda: beacon.named("later") and len(beacon.named("page")) == 2)
    first, second = sorted(beacon.named("page"), key=lambda event: event["seq"])
    [later] = beacon.named("later")
    assert second["context"]["campaign"] == {"source": "חדשות"}
    assert second["context"]["click_ids"] == {"fbclid": "IwAR0"}
    assert first["session_id"] == second["session_id"] != later["session_id"]
    assert "campaign" not in later["context"]


def test_errors_and_vitals_and_media_are_files_of_their_own(context: BrowserContext, beacon: Beacon) -> None:
    page = context.new_page()
    beacon.pages["/"] = html(
        body="""<script src="/netiv-errors.js"></script><script src="/netiv-vitals.js"></script>
        <script src="/netiv-media.js"></script><audio id=a></audio>"""
    )
    page.goto(beacon.url())
    ready(page)
    page.evaluate(SILENCE)
    page.wait_for_function("() => window.ended")
    page.evaluate(
        "() => { setTimeout(() => { throw new Error('oops') }); setTimeout(() => { throw new Error('oops') }) }"
    )
    beacon.wait(lambda: beacon.named("javascript_error"))
    page.goto(beacon.url(path="/plain"))
    beacon.wait(lambda: beacon.named("web_vitals") and beacon.named("media_completed"))
    assert len(beacon.named("javascript_error")) == 1
    assert beacon.named("web_vitals")[0]["properties"]["ttfb_ms"] >= 0
    assert len(beacon.named("media_started")) == 1


@pytest.mark.parametrize("first", ["core", "module"])
def test_what_a_module_says_as_the_page_ends_goes_along(first: str, context: BrowserContext, beacon: Beacon) -> None:
    core = '<script src="/netiv.js" data-key="wk_test" data-engagement="off"></script>'
    both = [core, '<script src="/netiv-vitals.js"></script>']
    beacon.pages["/"] = "<!doctype html><title>Vitals</title>" + "".join(both if first == "core" else reversed(both))
    page = context.new_page()
    page.goto(beacon.url())
    ready(page)
    beacon.wait(lambda: beacon.named("page"))
    page.goto(beacon.url(path="/plain"))
    beacon.wait(lambda: beacon.named("web_vitals"))
    assert len(beacon.named("web_vitals")) == 1


# a second of silence, made here: a WAV file of zeros
SILENCE = """() => {
  const rate = 8000, bytes = new Uint8Array(44 + rate), view = new DataView(bytes.buffer);
  const text = (at, word) => [...word].forEach((c, i) => { bytes[at + i] = c.charCodeAt(0) });
  text(0, 'RIFF'); view.setUint32(4, 36 + rate, true); text(8, 'WAVEfmt '); view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, rate, true);
  view.setUint32(28, rate, true); view.setUint16(32, 1, true); view.setUint16(34, 8, true);
  text(36, 'data'); view.setUint32(40, rate, true); bytes.fill(128, 44);
  const audio = document.getElementById('a');
  audio.onended = () => { window.ended = 1 };
  audio.muted = true;
  audio.src = URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' }));
  audio.play();
}"""
