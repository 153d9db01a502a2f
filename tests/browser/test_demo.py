"""The demo shop, in both languages: what happens is shown with its verdict, as text, under a strict policy."""

from __future__ import annotations

import pytest
from browser.beacon import Beacon
from browser.conftest import ready, small_only
from playwright.sync_api import Page

MARKUP = "<img src=x onerror=\"document.title='owned'\">"


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("he", "rtl")])
@small_only
def test_a_visitor_shops_and_watches(language: str, direction: str, page: Page, beacon: Beacon) -> None:
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    page.goto(beacon.url(path=f"/demo?key=wk_test&lang={language}"))
    ready(page)
    assert page.evaluate("document.documentElement.dir") == direction
    page.click("#arrivals a >> nth=1")
    ready(page)
    page.click(".card >> nth=1")
    page.click("button.main")
    page.click("#login")
    page.click("#touches button >> nth=0")
    page.evaluate("text => { netiv.track(text, {product: text}) }", MARKUP)
    page.click("button.main")
    beacon.wait(lambda: beacon.named("order_completed") and beacon.named("touch") and beacon.named("identify"))
    page.wait_for_function("() => document.querySelectorAll('#events .sent').length >= 9")
    [order] = beacon.named("order_completed")
    assert order["order"]["value"] == 129
    assert order["context"]["campaign"] == {"source": "newsletter", "medium": "email", "name": "חדשות"}
    assert MARKUP in page.inner_text("#events")
    beacon.seen = {
        "sessions": [{"channel": MARKUP, "pageviews": 3, "visitor_id": order["visitor_id"]}],
        "conversions": [
            {"name": MARKUP, "value": "129", "currency": "ILS", "path_channels": ["Email"], "path_campaigns": ["חדשות"]}
        ],
    }
    page.wait_for_selector("#path .step.end")
    assert MARKUP in page.inner_text("#session")
    assert "Email" in page.inner_text("#path")
    assert page.locator("img").count() == 0
    assert "owned" not in page.title()
    assert refused == []
    # no sideways scrolling, wide or narrow
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
