"""A small collector that can be told how to fail: serves the SDK and test pages, takes events, answers as its mode says.
With an `upstream` it answers nothing itself: it stands between the browser and a real collector, and still can fail.

Pure HTTP/1.1 on asyncio in a thread of its own, so that a browser test can block while it works. It knows the wire
format of `POST …/v1/events` and nothing else of the product.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

DIST = Path(__file__).resolve().parents[2] / "sdk_js" / "dist"
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".html": "text/html",
    ".pdf": "application/pdf",
}
EMPTY: dict[str, str] = {}


@dataclass
class Arrival:
    """One request with events, as it came."""

    path: str
    headers: dict[str, str]
    events: list[dict[str, Any]]
    body: dict[str, Any]
    answered: int


@dataclass
class Answered:
    """What a request gets: a status (0: the connection is reset), headers, a body."""

    status: int
    body: bytes = b""
    kind: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)


class Beacon:
    """`mode`: ok, 503, 429, 401, hang, reset, slow (400 ms), torn (takes the events, then resets)."""

    def __init__(self, upstream: tuple[str, int] | None = None, key: str = "wk_test") -> None:
        self.upstream = upstream
        self.key = key
        self.mode = "ok"
        self.retry_after = "1"
        self.csp = ""
        self.blocked = ""  # requests to paths that begin so get no answer, as behind a blocker
        self.pages: dict[str, str] = {}
        self.arrivals: list[Arrival] = []
        self.requests: list[str] = []
        self.cookie = ""
        self.seen: dict[str, Any] = {}  # what the demo's page is told to have been derived
        self.reject: Callable[[dict[str, Any]], str] = lambda _event: ""
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self.port = 0

    # -- for tests -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Acknowledged events, in order of arrival, repeats and all."""
        with self._changed:
            return [event for each in self.arrivals if each.answered == 202 for event in each.events]

    @property
    def taken(self) -> dict[str, dict[str, Any]]:
        """Acknowledged events by id: what a collector's tables would hold."""
        return {event["event_id"]: event for event in self.events}

    def named(self, name: str) -> list[dict[str, Any]]:
        """Distinct acknowledged events of this name (or type)."""
        return [event for event in self.taken.values() if name in (event.get("name"), event["type"])]

    def wait(self, until: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Until a condition of the arrivals holds; raises with what there is."""
        with self._changed:
            if not self._changed.wait_for(until, timeout_s):
                seen = [
                    (each.answered, [event.get("name") or event["type"] for event in each.events])
                    for each in self.arrivals
                ]
                raise AssertionError(f"not within {timeout_s} s; arrivals: {seen}; requests: {self.requests[-20:]}")

    def url(self, host: str = "127.0.0.1", path: str = "/") -> str:
        """An address of this server."""
        return f"http://{host}:{self.port}{path}"

    # -- the server ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=4 * 1024 * 1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self._started.set()

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        with self._changed:
            self.requests.append(f"{method} {target}")
        answer = await self._answer(method, target, headers, body)
        if answer.status == 0:
            writer.transport.abort()
            return False
        origin = headers.get("origin", "")
        more = {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"} if origin else EMPTY
        more = {**more, "access-control-expose-headers": "Retry-After", **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} X", f"content-type: {answer.kind}; charset=utf-8"]
        lines += [f"content-length: {len(answer.body)}", *(f"{name}: {value}" for name, value in more.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)
        await writer.drain()
        return True

    async def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answered:
        path = urlsplit(target).path
        if self.blocked and path.startswith(self.blocked):
            return Answered(0)
        if path.endswith("/v1/events") and method == "POST":
            return await self._take(path, headers, body)
        if path in self.pages:
            policy = {"content-security-policy": self.csp} if self.csp else EMPTY
            return Answered(
                200,
                self.pages[path].replace("wk_test", self.key).encode(),
                headers={"cache-control": "max-age=0", **policy},
            )
        if path.startswith("/v1/demo/visitor/"):
            return Answered(200, json.dumps(self.seen).encode(), "application/json")
        file = DIST / "demo" / (path.removeprefix("/demo/") if path != "/demo" else "index.html")
        if not path.startswith("/demo"):
            file = DIST / path.rsplit("/", 1)[-1]
        if file.is_file():
            return Answered(200, file.read_bytes(), TYPES[file.suffix])
        return Answered(404)

    async def _take(self, path: str, headers: dict[str, str], content: bytes) -> Answered:
        mode = self.mode
        body: dict[str, Any] = json.loads(content)
        if mode == "hang":
            self._note(path, headers, body, 0)
            await asyncio.sleep(3600)
        if mode == "slow":
            await asyncio.sleep(0.4)  # the latency that is asked for, not a way to wait
        status = {"503": 503, "429": 429, "reset": 0, "torn": 0, "401": 401}.get(mode, 202)
        if self.upstream and status in (0, 202) and mode != "reset":
            answer = await self._forward(headers, content)
            self._note(path, headers, body, answer.status)
            return Answered(0) if mode == "torn" else answer
        self._note(path, headers, body, 202 if mode == "torn" else status)
        retry = {"retry-after": self.retry_after} if status in (429, 503) and self.retry_after else EMPTY
        if status != 202:
            error = {"error": {"code": "unavailable", "message": "told to fail", "hint": "wait"}}
            return Answered(status, json.dumps(error).encode(), "application/json", retry)
        refused = [
            {"index": index, "code": code, "pointer": "", "message": "refused by the test"}
            for index, event in enumerate(body["events"])
            if (code := self.reject(event))
        ]
        verdict = {"accepted": len(body["events"]) - len(refused), "duplicates": 0, "rejected": refused, "receipt": "r"}
        cookie = {"set-cookie": self.cookie} if self.cookie else EMPTY
        return Answered(202, json.dumps(verdict).encode(), "application/json", cookie)

    async def _forward(self, headers: dict[str, str], content: bytes) -> Answered:
        """The real collector's answer to this body."""
        assert self.upstream
        reader, writer = await asyncio.open_connection(*self.upstream)
        kept = {name: value for name, value in headers.items() if name not in ("connection", "accept-encoding")}
        lines = ["POST /v1/events HTTP/1.1", *(f"{name}: {value}" for name, value in kept.items()), "connection: close"]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + content)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        answer = await reader.read()
        writer.close()
        first, *rest = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        dropped = ("content-length", "connection", "content-type")
        more = {name: value for name, value in fields.items() if name not in dropped}
        return Answered(int(first.split(" ")[1]), answer, "application/json", more)

    def _note(self, path: str, headers: dict[str, str], body: dict[str, Any], status: int) -> None:
        with self._changed:
            self.arrivals.append(Arrival(path, headers, body["events"], body, status))
            self._changed.notify_all()
