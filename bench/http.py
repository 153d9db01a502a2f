"""How fast the collector takes events, as ratios to an empty answer of the same server: `python -m bench.http`.

One server process pinned to one core, wrk on the other, 64 keep-alive connections; the variants take turns in every
round, and each figure is the median of its rounds, so that a machine whose clock changes shows in no ratio. Every event
is durable (fsynced) before it is answered.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench.http_servers import WRITE_KEY
from netiv.ports import choose

CONNECTIONS = 64
EVENT = (
    '{"type":"page","event_id":"%s","visitor_id":"%s","created_at":"2026-11-21T10:00:00.123Z",'
    '"context":{"url":"https://shop.example/p/1?utm_source=google&utm_medium=cpc","referrer":"https://www.google.com/",'
    '"title":"A fine product","language":"he-IL","timezone":"Asia/Jerusalem","screen":"1920x1080",'
    '"campaign":{"source":"google","medium":"cpc","name":"autumn"}},"properties":{"category":"shoes","price":129.9,'
    '"in_stock":true,"sizes":[38,39,40],"list":"search","position":3,"experiment":"b","plan":"free"}}'
)
# wrk's own script: a new event id in each event (a duplicate would not be stored), a few thousand visitors.
LUA = """
local n, events = 0, %d
local head, tail = '%s', '%s'
local event = [==[%s]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %s"
local function one()
  n = n + 1
  return string.format(event, string.format("%s-%%012d", n), string.format("visitor-%%08d", n %% 5000))
end
local page, before, after = '%s', "%s", "%s"
if events == 0 then
  wrk.headers = {}
  if page ~= "" then
    wrk.headers["Referer"] = page
    wrk.headers["Cookie"] = "nv_id=0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
  end
end
function request()
  if events == 0 then
    n = n + 1
    return wrk.format("GET", before .. (after ~= "" and string.format("%s-%%012d", n) .. after or ""))
  end
  local all = {}
  for i = 1, events do all[i] = one() end
  return wrk.format("POST", before, nil, head .. table.concat(all, ",") .. tail)
end
"""
# The pixels of docs/sdk.md: a page without JavaScript (its address is the referrer, its visitor the cookie), the opening of a
# mail (an event id for each mail and reader, in the place of `{id}`), AMP; and one that says all that a page can tell.
PAGE = "https://shop.example/p/1?utm_source=google&utm_medium=cpc&utm_campaign=autumn&gclid=Cj0KCQiA"
PAGE_PIXEL = "/p.gif?k={key}&type=page"
MAIL_PIXEL = (
    "/p.gif?k={key}&type=touch&kind=open&channel=Email&source=newsletter&campaign=spring&event_id={id}&id.crm_id=4711"
)
AMP_PIXEL = (
    "/p.gif?k={key}&type=page&visitor_id=0190a1b2c3d47e5f8a9b0c1d2e3f4a5b&url=https%3A%2F%2Fshop.example%2Fp%2F1"
    "&ref=https%3A%2F%2Fwww.google.com%2F&title=A+fine+product&language=he-IL"
)
FULL_PIXEL = (
    "/p.gif?k={key}&type=page&url=https%3A%2F%2Fshop.example%2Fp%2F1&referrer=https%3A%2F%2Fwww.google.com%2F"
    "&title=A+fine+product&utm_source=google&utm_medium=cpc&utm_campaign=autumn&utm_content=a&utm_term=shoes"
    "&gclid=Cj0KCQiA&visitor_id=0190a1b2c3d47e5f8a9b0c1d2e3f4a5b&created_at=1763719200123&p.category=shoes"
    "&p.price=129.9&p.list=search&p.position=3&language=he-IL"
)


class Variant(msgspec.Struct, frozen=True):
    """One thing to measure: a server, what is sent to it (`events` per request, 0 = a GET by the page `page`, which has a
    cookie), and the target ratio."""

    name: str
    server: str
    path: str = "/v1/events"
    events: int = 1
    reference: str = "empty"
    target: float | None = None
    wanted: float | None = None
    page: str = ""


def pixel(name: str, query: str, page: str = "") -> Variant:
    """A pixel's variant."""
    return Variant(name, "collector", query.replace("{key}", WRITE_KEY), 0, target=0.45, page=page)


VARIANTS = (
    Variant("empty", "empty"),
    Variant("empty, our protocol", "empty_ours"),
    Variant("single event, durable", "collector", target=0.45, wanted=0.58),
    Variant("batch of 20, durable", "collector", events=20, reference="single event, durable", target=4.0, wanted=5.2),
    pixel("pixel, page without JavaScript", PAGE_PIXEL, PAGE),
    pixel("pixel, opening of a mail", MAIL_PIXEL),
    pixel("pixel, AMP", AMP_PIXEL),
    pixel("pixel, 17 parameters", FULL_PIXEL),
    Variant("FastAPI, pydantic body", "fastapi"),
)
FASTAPI_TARGET = 2.5
RSS_MIB_MAX = 100


def script_of(variant: Variant, folder: Path, seed: str) -> Path:
    """The wrk script of a variant."""
    head, tail = ('{"events":[', "]}") if variant.events > 1 else ("", "")
    before, _, after = variant.path.partition("{id}")
    text = LUA % (variant.events, head, tail, EVENT, WRITE_KEY, seed, variant.page, before, after, seed)
    path = folder / "load.lua"
    path.write_text(text)
    return path


@contextmanager
def running(name: str, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """A server on core 0 and a free port."""
    port = choose("127.0.0.1")
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.http_servers", name, str(port), str(folder / name)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit(f"the server {name} did not start") from None
                time.sleep(0.05)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(15)


def load(port: int, script: Path, seconds: int) -> float:
    """Requests per second; ends the bench on an answer that is no success."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    output = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        raise SystemExit(f"answers that are no success:\n{output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise SystemExit(output)
    return float(found.group(1))


class Measured(msgspec.Struct):
    """Requests/s and CPU µs per request of every variant and round; the collector's largest resident size (MiB)."""

    rates: dict[str, list[float]]
    cpu_us: dict[str, list[float]]
    rss: float = 0.0


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(rounds: int, seconds: int, folder: Path) -> Measured:
    """All variants in turn, `rounds` times."""
    names = [variant.name for variant in VARIANTS]
    found = Measured({name: [] for name in names}, {name: [] for name in names})
    for turn in range(rounds):
        for place, variant in enumerate(VARIANTS):
            with running(variant.server, folder) as (port, process):
                script = script_of(variant, folder, f"{turn:02d}{place:02d}")
                load(port, script, 1)
                script = script_of(variant, folder, f"x{turn:02d}{place:02d}")
                before = cpu_s(process)
                rate = load(port, script, seconds)
                found.rates[variant.name].append(rate)
                found.cpu_us[variant.name].append((cpu_s(process) - before) / (rate * seconds) * 1e6)
                if variant.server == "collector":
                    found.rss = max(found.rss, process.memory_info().rss / 1024**2)
            shutil.rmtree(folder / variant.server, ignore_errors=True)
    return found


def rows_of(found: Measured) -> list[dict[str, object]]:
    """The result lines: a ratio per round, the median of them; `ok` where there is a target."""
    rates, rss = found.rates, found.rss
    rows: list[dict[str, object]] = []
    for variant in VARIANTS:
        events = max(1, variant.events)
        base = rates[variant.reference]
        ratio = statistics.median(
            rate * events / reference for rate, reference in zip(rates[variant.name], base, strict=True)
        )
        rate = statistics.median(rates[variant.name])
        rows.append(_row(variant.name, rate, ratio, variant.reference, (variant.target, variant.wanted)))
        rows[-1]["cpu_us"] = round(statistics.median(found.cpu_us[variant.name]), 1)
        rows[-1]["events_per_s"] = round(rate * events) if variant.server == "collector" else None
    single, fastapi = rates["single event, durable"], rates["FastAPI, pydantic body"]
    ratio = statistics.median(ours / theirs for ours, theirs in zip(single, fastapi, strict=True))
    rate = statistics.median(single)
    rows.append(_row("single over FastAPI", rate, ratio, "FastAPI, pydantic body", (FASTAPI_TARGET, 3.3)))
    rows.append({"name": "resident MiB", "value": round(rss, 1), "target": RSS_MIB_MAX, "ok": rss <= RSS_MIB_MAX})
    return rows


def _row(
    name: str, rate: float, ratio: float, reference: str, goals: tuple[float | None, float | None]
) -> dict[str, object]:
    target, wanted = goals
    ok = None if target is None else ratio >= target
    return {
        "name": name, "requests_per_s": round(rate), "ratio": round(ratio, 3), "of": reference,
        "target": target, "wanted": wanted, "ok": ok,
    }  # fmt: skip


def show(rows: list[dict[str, object]]) -> None:
    """A table in the terminal."""
    table = Table(title="Collector, one worker on one core, durable embedded log")
    for column in ("what", "requests/s", "events/s", "CPU µs", "ratio", "of", "target", "wanted", "ok"):
        table.add_column(column)
    for row in rows:
        value = row.get("ratio", row.get("value"))
        cells = (
            row["name"],
            row.get("requests_per_s"),
            row.get("events_per_s"),
            row.get("cpu_us"),
            value,
            row.get("of"),
        )
        goals = (row.get("target"), row.get("wanted"), row.get("ok"))
        table.add_row(*("" if cell is None else str(cell) for cell in (*cells, *goals)))
    Console().print(table)


def main() -> int:
    """Exit 1 when a target is missed by more than a quarter (the margin of a shared machine)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        return 2
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with tempfile.TemporaryDirectory(prefix="netiv-bench-") as folder:
        rows = rows_of(measure(options.rounds, options.seconds, Path(folder)))
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows)
    missed = [row for row in rows if row.get("ok") is False]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
