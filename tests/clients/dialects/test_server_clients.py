"""Python and Node clients of other systems, unmodified: their journeys end in the rows of the native one."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from clients.dialects.conftest import CLIENT_S, HERE, JOURNEY, Told


class Case(NamedTuple):
    """A client: how it is run, the key it knows the site by, and which conversions of the journey it can say."""

    runtime: str
    client: str
    key: str
    says: tuple[str, ...] = ("lead", "purchase")
    events: int = JOURNEY["batch"] + 4

    @property
    def site(self) -> str:
        return f"{self.runtime}_{self.client}"


CASES = [
    Case("python", "segment", "PYTHONSEGMENTKEY"),
    Case("python", "rudder", "PYTHONRUDDERKEY"),
    Case("python", "snowplow", "python-shop", events=JOURNEY["batch"] + 3),
    Case("python", "posthog", "phc_python", events=JOURNEY["batch"] + 5),
    Case("python", "ga4", "G-PYTHON1234"),
    Case("node", "segment", "NODESEGMENTKEY"),
    Case("node", "rudder", "NODERUDDERKEY"),
    Case("node", "jitsu", "NODEJITSUKEY"),
    Case("node", "snowplow", "node-shop", events=JOURNEY["batch"] + 3),
    Case("node", "posthog", "phc_node", events=JOURNEY["batch"] + 5),
    Case("node", "matomo", "101", ("purchase",), events=JOURNEY["batch"] + 3),
    Case("node", "umami", "978435e2-7ba1-4337-9860-ec31ece2db60", events=JOURNEY["batch"] + 3),
]


@pytest.fixture(scope="module")
def journeys(told: Told, node_modules: Path, python_packages: None) -> Told:
    """All of them sent and derived."""
    told.native("native", JOURNEY["url"])
    for case in CASES:
        told.add(case.site, case.key)
    with ThreadPoolExecutor(2) as pool:
        for case, done in zip(CASES, pool.map(lambda case: run(case, told.url), CASES), strict=True):
            assert done.returncode == 0, f"{case.site}: {done.stdout}\n{done.stderr}"
    told.derived()
    return told


def run(case: Case, url: str) -> subprocess.CompletedProcess[str]:
    command = {"python": [sys.executable, "python_clients.py"], "node": ["node", "node_clients.mjs"]}[case.runtime]
    return subprocess.run(
        [*command, case.client, url, case.key], cwd=HERE, capture_output=True, text=True, timeout=CLIENT_S, check=False
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.site)
def test_a_journey_ends_in_the_rows_of_the_native_one(journeys: Told, case: Case) -> None:
    found = journeys.outcome(case.site, case.says)
    expected = journeys.outcome("native", case.says)
    if case.client == "matomo":  # a Matomo hit names no currency
        expected["conversions"] = [[*row[:3], "", *row[4:]] for row in expected["conversions"]]
    assert len(expected["conversions"]) == len(case.says)
    assert found == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.site)
def test_every_event_arrived_once(journeys: Told, case: Case) -> None:
    warehouse = journeys.stack.warehouse()
    rows = warehouse.query(
        "SELECT count(), uniqExact(event_id) FROM v_events WHERE site = {site:String}", {"site": case.site}
    ).rows
    warehouse.close()
    assert [int(figure) for figure in rows[0]] == [case.events, case.events]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.site)
def test_hebrew_and_emoji_stay_whole(journeys: Told, case: Case) -> None:
    warehouse = journeys.stack.warehouse()
    sql = "SELECT count() FROM v_events WHERE site = {site:String} AND position(concat(title, properties), {text:String}) > 0"
    text = JOURNEY["title"] if case.client == "matomo" else JOURNEY["lead"]["note"]
    (row,) = warehouse.query(sql, {"site": case.site, "text": text}).rows
    warehouse.close()
    assert int(row[0]) > 0
