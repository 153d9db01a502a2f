"""One Chromium for the session, one beacon server and one clean browser context for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from browser.beacon import DIST, Beacon
from browser.stack import Stack, started
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

DEADLINE_MS = 90_000  # of a machine that has much else to do
F = TypeVar("F", bound=Callable[..., Any])
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # names for the tests' sites: two hosts of one domain, and another domain
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]


def executable() -> str:
    """Debian's Chromium."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert found, "chromium is missing: apt-get install chromium"
    return found


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    """Playwright. Ends with this folder's tests: its event loop would stand in the way of others."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(driver: Playwright) -> Iterator[Browser]:
    """A headless Chromium."""
    assert (DIST / "netiv.js").exists(), "the SDK is not built: make sdk"
    # Playwright switches the back-forward cache off; here it is one of the things under test
    chromium = driver.chromium.launch(
        executable_path=executable(), args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
    )
    yield chromium
    chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor with nothing stored."""
    fresh = browser.new_context()
    fresh.set_default_timeout(DEADLINE_MS)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab. Whatever the SDK does, the page itself sees no error."""
    errors: list[str] = []
    tab = context.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    assert errors == []


def visitors(browser: Browser) -> Iterator[Page]:
    """Some tabs, each of a visitor with nothing stored: for what a browser mostly does, and on a busy machine not always."""
    for _ in range(5):
        context = browser.new_context()
        context.set_default_timeout(DEADLINE_MS)
        yield context.new_page()
        context.close()


def goes_back(page: Page) -> bool:
    """Go back to the page before, whose `window.kept` is set; whether it came from the back-forward cache."""
    page.go_back(wait_until="commit")
    ready(page)
    return bool(page.evaluate("window.kept"))


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real collector, log, consumers and ClickHouse, as `netiv up` starts them."""
    with started(tmp_path_factory.mktemp("stack")) as running:
        yield running


def small_only(test: F) -> F:
    """For tests that tell the collector what to answer: the real one can't be told."""
    test.__dict__["small_only"] = True
    return test


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every scenario runs against the small collector and against the real one."""
    if "beacon" in metafunc.fixturenames:
        kinds = ["small"] if hasattr(metafunc.function, "small_only") else ["small", "real"]
        metafunc.parametrize("beacon", kinds, indirect=True)


@pytest.fixture
def beacon(request: pytest.FixtureRequest) -> Iterator[Beacon]:
    """A collector that can be told how to fail. If it stands before the real one, what was acknowledged has to be in
    ClickHouse in the end, once each, and nothing else of these visitors."""
    stack: Stack | None = request.getfixturevalue("stack") if request.param == "real" else None
    with Beacon(stack.collector, stack.write_key) if stack else Beacon() as server:
        server.pages["/"] = html()
        server.pages["/next"] = html(title="Next")
        server.pages["/plain"] = "<!doctype html><title>No SDK here</title><p>plain"
        yield server
        if stack:
            stack.holds_once_each(lambda: server.taken)


@pytest.fixture
def pages() -> Iterator[Beacon]:
    """A site's own server, for tests whose collector is the stack's, under another port."""
    with Beacon() as server:
        yield server


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A user-data folder for tests that kill the browser."""
    return tmp_path / "profile"


def html(attributes: str = "", title: str = "Home", body: str = "", engagement: str = "off") -> str:
    """A page with the snippet. Engagement is off unless a test is about it: its events depend on time."""
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<script async src="/netiv.js" data-key="wk_test" data-engagement="{engagement}" {attributes}></script>
<body><h1>{title}</h1>{body}"""


def ready(page: Page) -> None:
    """Until the SDK has started on this page: its calls are there, and asking for the visitor ends what is left of the start."""
    page.wait_for_function("() => window.netiv && window.netiv.visitorId && window.netiv.visitorId()")


def whole(page: Page) -> None:
    """Until its automatic parts are at work too: the last of them tells the time zone."""
    ready(page)
    page.wait_for_function("() => window.netiv.context.timezone")


def all_answered(page: Page) -> None:
    """Until the collector took each event made so far."""
    page.wait_for_function("() => !Object.keys(localStorage).some(key => key.startsWith('nv_q'))")


def scrolled(page: Page, beacon: Beacon) -> None:
    """A long page that watches engagement, scrolled by half."""
    beacon.pages["/"] = html(engagement="on", body="<div style='height:4000px'>long</div>")
    page.goto(beacon.url())
    whole(page)
    page.mouse.wheel(0, 2000)
    page.wait_for_function("() => scrollY > 1000")
