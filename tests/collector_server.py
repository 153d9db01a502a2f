"""A real collector on a free port with the real embedded log, run in a thread of the test's process."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eventlog.embedded import open_embedded_log
from schemas.record import Accepted, Bad, decode
from schemas.settings import Settings
from schemas.sites import Key, Site, Sites, dump, hash_key

WRITE, SECRET, LISTED, LISTED_SECRET = "wk_open_site", "sk_open_site", "wk_listed_site", "sk_listed_site"
SITES = Sites(
    [
        Site("open", [Key(hash_key(WRITE))], [Key(hash_key(SECRET))], aliases=["legacy-7"]),
        Site("listed", [Key(hash_key(LISTED))], [Key(hash_key(LISTED_SECRET))], origins=["https://shop.example"]),
    ]
)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


@dataclass
class Running:
    port: int
    settings: Settings
    prefix: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, self.prefix + path, body, headers or {})
            answer = connection.getresponse()
            pairs = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, pairs, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, content: Any, key: str | None = WRITE, /, **headers: str) -> Reply:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        lines = {"content-type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()}
        if key is not None:
            lines.setdefault("authorization", f"Bearer {key}")
        return self.ask("POST", "/v1/events", body, lines)

    def records(self) -> list[Accepted | Bad]:
        """All that is in the log now, read by another opener of the same file."""
        return asyncio.run(read_all(self.settings.data / "log"))


async def read_all(folder: Path) -> list[Accepted | Bad]:
    log = await open_embedded_log(folder)
    try:
        stored = await log.read_from(0, 0, 1_000_000, 1 << 30)
        return [decode(one.value) for one in stored]
    finally:
        await log.close()


def wait_until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        threading.Event().wait(0.01)


def write_sites(settings: Settings, sites: Sites = SITES) -> None:
    settings.data.mkdir(parents=True, exist_ok=True)
    settings.sites_file.write_bytes(dump(sites))
