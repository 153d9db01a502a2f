"""Freshness: how long after the acknowledgement an event stands in `v_sessions`, and a conversion in `v_conversion_paths`,
while the stack takes a steady load through HTTP.

`python -m bench.freshness [--rate 8000] [--seconds 60]`; give half of the catch-up rate that `bench.catchup` printed.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench.traffic import visits
from netiv.clickhouse import ClickHouse
from netiv.http import Client

BATCH = 200
MIB = 1024**2


def load(url: str, key: str, rate: int, over: threading.Event, sent: list[int]) -> None:
    """Send `rate` events a second in batches until `over`."""
    client = Client(url)
    source = visits(1 << 60, 50_000, seed=11)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Content-Encoding": "gzip"}
    begin = time.monotonic()
    while not over.is_set():
        events = [{**event, "created_at": None} for _, _, event in itertools.islice(source, BATCH)]
        body = gzip.compress(msgspec.json.encode({"events": events}), 1)
        client.patient("POST", "/v1/events", body, headers)
        sent[0] += BATCH
        over.wait(max(0.0, begin + sent[0] / rate - time.monotonic()))


def markers(url: str, key: str, seconds: float, warehouse: ClickHouse) -> dict[str, list[float]]:
    """Every half second a new visitor with a page and an order; how long each took to be seen in either view."""
    client = Client(url)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    acknowledged: dict[str, float] = {}
    seen: dict[str, list[float]] = {"v_sessions": [], "v_conversion_paths": []}
    waiting = {view: set[str]() for view in seen}
    begin = time.monotonic()
    following = begin
    while time.monotonic() < begin + seconds or any(waiting.values()):
        if time.monotonic() > begin + seconds + 60:
            raise SystemExit(f"not seen after a minute: {sum(map(len, waiting.values()))} markers")
        if following <= time.monotonic() < begin + seconds:
            following += 0.5
            visitor = f"marker{len(acknowledged)}"
            order = {"id": f"order-{visitor}", "value": 10, "currency": "ILS"}
            events = [
                {"type": "page", "visitor_id": visitor, "context": {"url": "https://shop.example/"}},
                {"type": "conversion", "name": "purchase", "visitor_id": visitor, "order": order},
            ]
            client.patient("POST", "/v1/events", msgspec.json.encode({"events": events}), headers)
            acknowledged[visitor] = time.monotonic()
            for names in waiting.values():
                names.add(visitor)
        for view, names in waiting.items():
            if names:
                column = "visitor_id" if view == "v_sessions" else "substring(person_id, 12)"
                key_column = "visitor_id" if view == "v_sessions" else "person_id"
                prefix = "" if view == "v_sessions" else "visitor_id:"
                wanted = ", ".join(f"'{prefix}{name}'" for name in names)
                result = warehouse.query(
                    f"SELECT {column} FROM {view} WHERE site = 'bench' AND {key_column} IN ({wanted})", {}
                )
                for (name,) in result.rows:
                    if name in names:
                        names.discard(name)
                        seen[view].append(time.monotonic() - acknowledged[name])
        time.sleep(0.1)
    return seen


def percentile(values: list[float], share: float) -> float:
    """Nearest rank."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def resident(pid: int) -> int:
    """MiB of a process and its children."""
    parent = psutil.Process(pid)
    return sum(process.memory_info().rss for process in [parent, *parent.children(recursive=True)]) // MIB


def measure(rate: int, seconds: float) -> dict[str, Any]:
    """Run it on a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="netiv-bench-") as folder:
        netiv = [sys.executable, "-m", "netiv"]
        data = ["--data", folder]
        subprocess.run(
            [*netiv, "sites", "add", "bench", "--write-key", "wk_bench", "--json"],
            check=True, capture_output=True, env={**os.environ, "NETIV_DATA": folder},
        )  # fmt: skip
        up = subprocess.Popen(
            [*netiv, "up", *data, "--port", "0", "--clickhouse-port", "0", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert up.stdout is not None
            welcome = msgspec.json.decode(document(up.stdout))
            idle = resident(up.pid)
            over, sent = threading.Event(), [0]
            sender = threading.Thread(
                target=load, args=(welcome["collector"], "wk_bench", rate, over, sent), daemon=True
            )
            begin = time.monotonic()
            sender.start()
            seen = markers(welcome["collector"], "wk_bench", seconds, ClickHouse(welcome["clickhouse"]))
            reached = sent[0] / (time.monotonic() - begin)
            loaded = resident(up.pid)
            over.set()
            sender.join()
        finally:
            up.terminate()
            up.wait(120)
    return {
        "rate": round(reached),
        **{
            f"{view} {name}": round(percentile(values, share), 2)
            for view, values in seen.items()
            for name, share in (("p50 s", 0.5), ("p99 s", 0.99))
        },
        "idle_mib": idle, "loaded_mib": loaded, "markers": len(seen["v_sessions"]),
    }  # fmt: skip


def document(stream: Any) -> bytes:
    """The first JSON document of a stream."""
    text = b""
    for line in stream:
        text += line
        try:
            msgspec.json.decode(text)
            return text
        except msgspec.DecodeError:
            continue
    raise SystemExit("netiv up did not start")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(args.rate, args.seconds)
    if args.json:
        print(json.dumps(result))
        return
    table = Table(title="Freshness: seconds from acknowledgement to view")
    for column in result:
        table.add_column(column, justify="right")
    table.add_row(*(f"{value:,}" for value in result.values()))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
