"""One live stack, a site for each client, and the native journey that all are compared with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from simulation.stack import Stack

from netiv.http import Client
from schemas.sites import Key, Site, Sites, dump, hash_key

HERE = Path(__file__).parent
JOURNEY: dict[str, Any] = json.loads((HERE / "journey.json").read_text("utf-8"))
CLIENT_S = 90.0


class Told:
    """The stack with what was sent to it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.url = stack.url
        self.host = stack.url.partition("://")[2]
        self._sites: list[Site] = []

    def add(self, name: str, *keys: str) -> None:
        """A site that a client knows by these keys."""
        self._sites.append(Site(name, [Key(hash_key(f"wk_{name}"))], aliases=list(keys)))
        path = self.stack.folder / "data" / "sites.json"
        path.with_suffix(".new").write_bytes(dump(Sites(self._sites)))
        path.with_suffix(".new").replace(path)

    def derived(self) -> None:
        self.stack.wait_derived()

    def native(self, name: str, url: str) -> None:
        """The journey as native events."""
        self.add(name)
        client = Client(self.url)
        body = msgspec.json.encode({"events": native_events(url)})
        answer = client.request(
            "POST", "/v1/events", body, {"authorization": f"Bearer wk_{name}", "user-agent": "Mozilla/5.0"}
        )
        assert answer.json()["rejected"] == []
        client.close()

    def outcome(self, site: str, names: tuple[str, ...] = ("lead", "purchase")) -> dict[str, Any]:
        """What the tables say of a site, without what differs by nature (ids, times, the port of a page)."""
        warehouse = self.stack.warehouse()
        try:
            listed = ", ".join(f"'{name}'" for name in names)
            return {
                name: warehouse.query(sql.replace("{names}", listed), {"site": site}).rows
                for name, sql in TABLES.items()
            }
        finally:
            warehouse.close()


TABLES = {
    "sessions": "SELECT person_id, node, channel, source, medium, campaign, pageviews, is_bot, cutQueryString(path(entry_url)) "
    "FROM v_sessions WHERE site = {site:String} ORDER BY started_at",
    "conversions": "SELECT name, order_id, value, currency, person_id, session_id IN (SELECT session_id FROM v_sessions "
    "WHERE site = {site:String}) FROM v_conversions WHERE site = {site:String} AND name IN ({names}) ORDER BY name",
    "paths": "SELECT name, person_id, path_channels, path_sources, path_campaigns FROM v_conversion_paths "
    "WHERE site = {site:String} AND name IN ({names}) ORDER BY name",
    "persons": "SELECT DISTINCT person_id FROM v_events WHERE site = {site:String} ORDER BY person_id",
    "bad": "SELECT code, pointer, message FROM bad_events WHERE site = {site:String}",
}


def native_events(url: str) -> list[dict[str, Any]]:
    who = {"visitor_id": JOURNEY["visitor"]}
    known = {**who, "user_id": JOURNEY["user"]}
    page = {"url": url, "referrer": JOURNEY["referrer"], "title": JOURNEY["title"]}
    order = JOURNEY["order"]
    return [
        {"type": "page", **who, "context": page},
        {"type": "identify", **known, "email": JOURNEY["email"]},
        {"type": "track", "name": "lead", **known, "properties": JOURNEY["lead"]},
        {"type": "track", "name": "Order Completed", **known,
         "order": {"id": order["order_id"], "value": order["revenue"], "currency": order["currency"], "items": order["products"]}},
        *({"type": "track", "name": "Viewed", **known, "properties": {"number": number}} for number in range(JOURNEY["batch"])),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The packages as the lock file has them."""
    stamp = HERE / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        # Not `npm ci`: it wants entries for optional parts of other platforms, which not every registry can describe.
        command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=HERE, check=True, timeout=300)
    return HERE / "node_modules"


@pytest.fixture(scope="session")
def python_packages() -> None:
    """The packages as the requirements have them."""
    wanted = (HERE / "requirements.txt").read_text("utf-8").split()
    listed = (
        subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
        .stdout.lower()
        .split()
    )
    missing = [one for one in wanted if one.lower() not in listed]
    if missing:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *missing], check=True, timeout=300)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    stack = Stack(tmp_path_factory.mktemp("clients"))
    yield Told(stack)
    assert stack.stop() == 0, stack.errors.read_text()[-4000:]
