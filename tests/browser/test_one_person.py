"""A journey over two domains of one owner, in a browser and through the whole stack: two devices of before, one person."""

from __future__ import annotations

import pytest
from browser.beacon import Beacon
from browser.conftest import html, ready, whole
from browser.stack import Stack
from playwright.sync_api import Page


@pytest.fixture
def sites(pages: Beacon, stack: Stack) -> tuple[str, str]:
    """Shop and till: both have the snippet with both domains, the shop links to the till."""
    shop, pay = pages.url("www.shop.example", "/"), pages.url("www.pay.example", "/")
    snippet = html('data-domains="shop.example, pay.example"', body=f'<a id=till href="{pay}">to the till</a>')
    own = f"http://collector.shop.example:{stack.collector[1]}"
    pages.pages["/"] = snippet.replace("/netiv.js", f"{own}/netiv.js").replace("wk_test", stack.write_key)
    return shop, pay


def visit(page: Page, address: str) -> str:
    """The visitor of a page, once the collector has its page view."""
    page.goto(address)
    whole(page)
    assert page.evaluate("() => netiv.track('seen').then(verdict => verdict.status)") == "sent"
    return str(page.evaluate("netiv.visitorId()"))


def hop(page: Page) -> str:
    """By the link to the till; the visitor there."""
    page.click("#till")
    page.wait_for_url("http://www.pay.example:*/**")
    ready(page)
    assert "nv_l" not in page.url
    assert page.evaluate("() => netiv.track('at_the_till').then(verdict => verdict.status)") == "sent"
    return str(page.evaluate("netiv.visitorId()"))


def persons(stack: Stack, *visitors: str) -> set[str]:
    """The persons of these visitors' events and sessions."""
    stack.wait_derived()
    chosen = ", ".join(f"'{visitor}'" for visitor in visitors)
    return {
        row["person_id"]
        for view in ("v_events", "v_sessions")
        for row in stack.query(f"SELECT DISTINCT person_id FROM {view} WHERE visitor_id IN ({chosen})")
    }


def test_two_visitors_become_one_person_by_the_hop(sites: tuple[str, str], page: Page, stack: Stack) -> None:
    shop, pay = sites
    theirs = visit(page, pay)
    ours = visit(page, f"{shop}?utm_source=news")
    assert ours != theirs
    assert len(persons(stack, ours, theirs)) == 2
    assert hop(page) == theirs
    assert len(persons(stack, ours, theirs)) == 1
    [link] = stack.query(
        f"SELECT DISTINCT kind FROM identity_links WHERE id_type = 'visitor_id' AND other_type = 'visitor_id' "
        f"AND (id_value, other_value) IN (('{ours}', '{theirs}'), ('{theirs}', '{ours}'))"
    )
    assert link == {"kind": "device_link"}


def test_who_logs_in_at_the_till_is_known_in_the_shop_too(sites: tuple[str, str], page: Page, stack: Stack) -> None:
    shop, pay = sites
    theirs = visit(page, pay)
    ours = visit(page, f"{shop}?utm_source=news&utm_campaign=spring")
    assert hop(page) == theirs
    user = f"u-{theirs}"
    page.evaluate("user => netiv.identify(user)", user)
    page.evaluate("user => netiv.order_completed({id: 'o-' + user, value: 50, currency: 'ILS'})", user)
    assert persons(stack, ours, theirs) == {f"user_id:{user}"}
    [path] = stack.query(f"SELECT path_campaigns FROM v_conversion_paths WHERE person_id = 'user_id:{user}'")
    assert "spring" in path["path_campaigns"]


def test_a_new_domain_takes_the_visitor_over(sites: tuple[str, str], page: Page, stack: Stack) -> None:
    ours = visit(page, sites[0])
    assert hop(page) == ours
    assert len(persons(stack, ours)) == 1
