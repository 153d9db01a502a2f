"""One Chromium for the session, one beacon server and one clean browser context for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.beacon import DIST, Beacon
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

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
    found = shutil.which("chromium")
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


@pytest.fixture
def beacon() -> Iterator[Beacon]:
    """A collector that can be told how to fail."""
    with Beacon() as server:
        server.pages["/"] = html()
        server.pages["/next"] = html(title="Next")
        server.pages["/plain"] = "<!doctype html><title>No SDK here</title><p>plain"
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
    """Until the SDK has started on this page."""
    page.wait_for_function("() => window.netiv && window.netiv.visitorId")
