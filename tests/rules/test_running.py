"""Rules tried and published while the stack runs: events go on, readers see old or new, and what comes after is under the new rules."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from consumers.rules.files import load, version_of
from netiv.http import Client
from tests.simulation.stack import Stack

# Every derived table in one query: two versions in one answer are a mixture.
VERSIONS = (
    "SELECT DISTINCT toString(v) AS version FROM ("
    + " UNION ALL ".join(
        f"SELECT DISTINCT rules_version AS v FROM {table} FINAL"
        for table in ("sessions", "touchpoints", "conversions", "conversion_paths", "open_paths", "identities")
    )
    + ")"
)
OWN = """version: 1
gap_minutes: 10
max_hours: 24
continuity_minutes: 120
new_campaign_starts_session: true
another_person_starts_session: true
midnight_starts_session: false
not_activity: [touch, alias, refund]
"""


class Sender(threading.Thread):
    """Sends visits of two pages a quarter of an hour apart, and an order, until it is told to stop."""

    def __init__(self, stack: Stack, key: str) -> None:
        super().__init__()
        self._stack, self._key, self.stop, self.sent = stack, key, threading.Event(), 0
        self.refused: list[Any] = []

    def run(self) -> None:
        client = Client(self._stack.url)
        while not self.stop.wait(0.05):  # a pace that leaves the machine something
            answer = client.request("POST", "/v1/events", self._body(), {
                "content-type": "application/json", "authorization": f"Bearer {self._key}"})  # fmt: skip
            if answer.status != 202:
                self.refused.append(answer.body)
            self.sent += 1
        client.close()

    def _body(self) -> bytes:
        who, n = f"v{self.sent}", self.sent
        events = [
            {"type": "page", "event_id": f"a{n}", "visitor_id": who, "created_at": 1_767_614_400_000, "context": {"url": "https://shop.example/"}},
            {"type": "page", "event_id": f"b{n}", "visitor_id": who, "created_at": 1_767_615_300_000, "context": {"url": "https://shop.example/x"}},
            {"type": "conversion", "event_id": f"c{n}", "visitor_id": who, "created_at": 1_767_615_300_001,
             "order": {"id": f"o{n}", "value": 5, "currency": "EUR"}},
        ]  # fmt: skip
        return json.dumps({"events": events}).encode()


class Reader(threading.Thread):
    """Asks again and again under which rules the tables are."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self._stack, self.stop = stack, threading.Event()
        self.seen: list[list[str]] = []

    def run(self) -> None:
        warehouse = self._stack.warehouse()
        while not self.stop.is_set():
            self.seen.append([row[0] for row in warehouse.query(VERSIONS).rows])
        warehouse.close()


def rows(stack: Stack, sql: str) -> list[list[int]]:
    """An answer of the running stack, all numbers."""
    warehouse = stack.warehouse()
    found = [[int(cell) for cell in row] for row in warehouse.query(sql).rows]
    warehouse.close()
    return found


def test_rules_are_published_beside_the_stream(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "sessions.yaml").write_text(OWN)
    key = json.loads(stack.netiv("sites", "add", "shop", "--json").stdout)["secret_key"]
    sender, reader = Sender(stack, key), Reader(stack)
    try:
        sender.start()
        stack.wait_derived()
        tried = json.loads(stack.netiv("rules", "diff", str(tmp_path), "--json").stdout)
        direct = next(change for change in tried["channels"] if change["channel"] == "Direct")
        assert direct["sessions_then"] == 2 * direct["sessions"] > 0
        assert tried["moved"] == direct["sessions"]
        reader.start()
        before = sender.sent
        published = stack.netiv("rules", "publish", str(tmp_path))
        assert "re-derived" in published.stdout
        assert sender.sent > before, "events were accepted meanwhile"
    finally:
        sender.stop.set()
        sender.join()
    stack.wait_derived()
    reader.stop.set()
    reader.join()
    assert sender.refused == []
    old, new = str(version_of(load())), str(version_of(load(stack.folder / "data" / "rules")))
    assert old != new
    seen = [versions for versions in reader.seen if versions]
    assert seen[0] == [old]
    assert seen[-1] == [new]
    assert all(versions in ([old], [new]) for versions in seen), "a mixture"
    assert rows(stack, "SELECT count(), uniqExact(visitor_id) FROM v_sessions WHERE site = 'shop'") == [
        [2 * sender.sent, sender.sent]
    ]
    assert rows(stack, "SELECT count() FROM v_conversion_paths WHERE site = 'shop'") == [[sender.sent]]


def test_rebuild_of_all_and_of_some(stack: Stack) -> None:
    """Rule files changed by hand: new facts are under the new rules after a start, old ones after a rebuild."""
    sessions = rows(stack, "SELECT count() FROM v_sessions")[0][0]
    assert json.loads(stack.netiv("rebuild", "--since", "2026-01-05T12:10", "--json").stdout)["visitors"] > 0
    assert json.loads(stack.netiv("rebuild", "--since", "2026-01-06", "--json").stdout)["visitors"] == 0
    (stack.folder / "data" / "rules" / "sessions.yaml").write_text(OWN.replace("10", "20", 1))
    assert json.loads(stack.netiv("rebuild", "--json").stdout)["visitors"] > 0
    assert rows(stack, "SELECT count() FROM v_sessions")[0][0] == sessions // 2


def test_what_is_wrong_is_told_and_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "sessions.yaml").write_text("gap_minutes: 0\n")
    refused = stack.netiv("rules", "publish", str(tmp_path), check=False)
    assert refused.returncode == 1
    assert "gap_minutes" in refused.stderr
