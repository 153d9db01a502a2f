"""What the browser SDK's start costs a page: CPU time of each main-thread task in which its code runs, in a cold renderer.

`python -m bench.sdk_start [--runs 15]` needs the built SDK (`make sdk`) and Chromium. CPU time, not wall time: how long a task
waits for other processes says more about the machine than about the SDK. Exit 1 when a run's longest task is over the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

LIMIT_MS: Final = 10.0
SDK: Final = Path(__file__).parents[1] / "sdk_js" / "dist"
CATEGORIES: Final = ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel", "v8"]
TASK: Final = frozenset({"RunTask", "ThreadControllerImpl::RunTask"})
PAGE: Final = b"""<!doctype html><meta charset="utf-8"><title>Start</title>
<script async src="/netiv.js" data-key="wk_bench"></script><p>A page like any other."""
ANSWER: Final = b'{"accepted":1,"duplicates":0,"rejected":[],"receipt":"r"}'


class Site(BaseHTTPRequestHandler):
    """A page with the snippet, the SDK's files, and a collector that takes everything."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        file = SDK / self.path.strip("/")
        if self.path.startswith("/netiv") and file.is_file():
            self._answer(file.read_bytes(), "text/javascript")
        else:
            self._answer(PAGE if self.path == "/" else b"<!doctype html><p>x", "text/html")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(ANSWER, "application/json")

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def site() -> Iterator[str]:
    """The address of a running `Site`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tasks_ms(trace: dict[str, Any]) -> list[float]:
    """CPU time of each task of a page's main thread in which a file of the SDK ran, in order."""
    events = trace["traceEvents"]
    main = {
        (e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    mine = [e for e in events if (e["pid"], e["tid"]) in main and e.get("ph") == "X"]
    tasks = [e for e in mine if e["name"] in TASK]
    found: dict[float, float] = {}
    for event in mine:
        if event["name"] not in ("EvaluateScript", "FunctionCall") or "/netiv" not in json.dumps(event.get("args")):
            continue
        around = [
            task
            for task in tasks
            if task["tid"] == event["tid"] and task["ts"] <= event["ts"] <= task["ts"] + task["dur"]
        ]
        if around:
            longest = max(around, key=lambda task: float(task["dur"]))
            found[longest["ts"]] = longest["tdur"] / 1000
    return [found[at] for at in sorted(found)]


def start_of(browser: Browser, url: str) -> list[float]:
    """The SDK's tasks of one first visit, in ms of CPU time, until its page view was acknowledged and it is at rest."""
    page = browser.new_page()
    try:
        page.goto(url + "other")  # the renderer itself has started
        browser.start_tracing(page=page, categories=CATEGORIES)
        page.goto(url)
        page.wait_for_function(
            "() => window.netiv && performance.getEntriesByName(location.origin + '/v1/events').length"
        )
        page.evaluate("new Promise(done => requestIdleCallback(done))")
        return tasks_ms(json.loads(browser.stop_tracing()))
    finally:
        page.close()


def main() -> None:
    """Print each task's median, and the longest."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=15, help="first visits, each in a browser of its own")
    runs = parser.parse_args().runs
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium or not (SDK / "netiv.js").exists():
        raise SystemExit("needs Chromium (CHROMIUM=…) and the built SDK (make sdk)")
    starts = []
    with site() as url, sync_playwright() as driver:
        for _ in range(runs):
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            starts.append(start_of(browser, url))
            browser.close()
    longest = sorted(max(each) for each in starts)
    table = Table("SDK start, ms of CPU time", "least", "median", "most")
    for what, values in (("longest task", longest), ("all tasks", sorted(sum(each) for each in starts))):
        table.add_row(what, *(f"{value:.1f}" for value in (values[0], statistics.median(values), values[-1])))
    Console().print(table)
    if statistics.median(longest) > LIMIT_MS:
        raise SystemExit(f"over the limit of {LIMIT_MS} ms")


if __name__ == "__main__":
    main()
