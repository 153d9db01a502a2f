"""Browser clients of other systems in Chromium, on a page of another site: their journeys end in the rows of the native one."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from clients.dialects.conftest import JOURNEY, Told
from clients.dialects.pages import Pages, bundle

ARRIVAL_S = 60.0
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


class Case(NamedTuple):
    """A client: the key of its site, and what of the journey it can say."""

    client: str
    key: str
    events: int
    says: tuple[str, ...] = ("lead", "purchase")
    # what kind of identifier the person is known by in the end
    person: str = "user_id:"

    @property
    def site(self) -> str:
        return f"browser_{self.client}"


BATCH = JOURNEY["batch"]
CASES = [
    Case("segment", "BROWSERSEGMENTKEY", BATCH + 4),
    Case("rudder", "2WRITEKEY00000000000000000x", BATCH + 4),
    Case("snowplow", "browser-shop", BATCH + 3),
    Case("posthog", "phc_browser", BATCH + 4),
    Case("jitsu", "BROWSERJITSUKEY", BATCH + 4),
    Case("plausible", "browser.example", BATCH + 3, person="visitor_id:"),
    Case("mautic", "", 4, ("purchase",), person="email:"),
]


@pytest.fixture(scope="module")
def journeys(told: Told, node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All of them travelled and derived."""
    folder = tmp_path_factory.mktemp("pages")
    bundle(folder)
    pages = Pages(folder, told.url)
    told.native("native_browser", f"http://{pages.host}/?{JOURNEY['url'].partition('?')[2]}")
    for case in CASES:
        told.add(case.site, case.key or pages.host)
    executable = shutil.which("chromium")
    assert executable, "chromium is missing: apt-get install chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=executable, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for case in CASES:
            context = browser.new_context(locale="he-IL", user_agent=AGENT, timezone_id="Asia/Jerusalem")
            travel(context, pages, case, told)
            context.close()
        browser.close()
    pages.close()
    told.derived()
    return told


def travel(context: BrowserContext, pages: Pages, case: Case, told: Told) -> None:
    """Open the page, let the client do its journey, and wait until its events have arrived."""
    page = context.new_page()
    errors: list[Any] = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(pages.show(case.client, case.key), referer=JOURNEY["referrer"])
    page.evaluate("window.travelled")
    deadline = time.monotonic() + ARRIVAL_S
    while arrived(told, case.site) < case.events:
        assert time.monotonic() < deadline, (
            f"{case.site}: only {arrived(told, case.site)} of {case.events} arrived; {errors}"
        )
        page.wait_for_timeout(200)
    assert not errors


def arrived(told: Told, site: str) -> int:
    warehouse = told.stack.warehouse()
    (row,) = warehouse.query("SELECT uniqExact(event_id) FROM events WHERE site = {site:String}", {"site": site}).rows
    warehouse.close()
    return int(row[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.site)
def test_a_journey_ends_in_the_rows_of_the_native_one(journeys: Told, case: Case) -> None:
    found = journeys.outcome(case.site, case.says)
    expected = journeys.outcome("native_browser", case.says)
    (person,) = (row[0] for row in found["persons"])
    assert person.startswith(case.person)
    if case.person != "user_id:":
        found = renamed(found, person)
        expected = renamed(expected, f"user_id:{JOURNEY['user']}")
    if case.client == "mautic":  # each call of its script is a page view
        assert int(found["sessions"][0][6]) == 3
        found["sessions"][0][6] = expected["sessions"][0][6]
    assert len(expected["conversions"]) == len(case.says)
    assert found == expected


def renamed(outcome: dict[str, Any], person: str) -> dict[str, Any]:
    return {
        name: [["the person" if value == person else value for value in row] for row in rows]
        for name, rows in outcome.items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.site)
def test_hebrew_and_emoji_stay_whole(journeys: Told, case: Case) -> None:
    warehouse = journeys.stack.warehouse()
    sql = "SELECT count() FROM v_events WHERE site = {site:String} AND position(properties, {text:String}) > 0"
    (row,) = warehouse.query(sql, {"site": case.site, "text": JOURNEY["lead"]["note"]}).rows
    warehouse.close()
    assert int(row[0]) > 0
