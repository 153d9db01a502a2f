"""Other ways in where the log is Kafka: costs imported, bad events replayed, through real processes."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from consumers.warehouse.contract import Warehouse
from netiv.http import Client
from netiv.ports import choose
from schemas.sites import Key, Site, Sites, dump, hash_key
from tests.kafka.consumer_stack import Stack
from tests.kafka.processes import Process
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio
SECRET = "sk_shop"
HEADERS = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}


async def command(stack: Stack, *arguments: str) -> Any:
    """What a command prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "netiv", *arguments, "--json", env={**stack.consumers[0].environment}, cwd=stack.place,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, (out, errors)
    return json.loads(out)


def send(url: str, path: str, content: Any) -> int:
    client = Client(url)
    try:
        return client.patient("POST", path, json.dumps(content).encode(), HEADERS).status
    finally:
        client.close()


def report(stack: Stack, *lines: str) -> str:
    """A file of costs."""
    path = stack.place / "costs.csv"
    path.write_text("\n".join(("date,source,medium,cost", *lines, "")), "utf-8")
    return str(path)


async def test_costs_and_replays_go_through_kafka(stack: Stack) -> None:
    warehouse: Warehouse = stack.warehouse  # type: ignore[attr-defined]
    (stack.place / "sites.json").write_bytes(
        dump(Sites([Site("shop", [Key(hash_key("wk_shop"))], [Key(hash_key(SECRET))])]))
    )
    port = choose("127.0.0.1")
    collector = Process(
        ["-m", "netiv", "collector"], {**stack.environment, "NETIV_PORT": str(port)}, stack.place / "collector.txt"
    )
    url = f"http://127.0.0.1:{port}"

    to = ("--secret-key", SECRET, "--url", url)

    async def rows(sql: str) -> list[tuple[Any, ...]]:
        return await warehouse.rows(sql)

    async def ready() -> bool:
        assert collector.alive, collector.tail()
        client = Client(url)
        try:
            return client.request("GET", "/readyz").status == 200
        except OSError:
            return False
        finally:
            client.close()

    async def arrived() -> bool:
        return (await rows("SELECT (SELECT count() FROM bad_events), (SELECT count() FROM v_ad_costs)")) == [(1, 2)]

    try:
        collector.start()
        stack.consumers[0].start()
        await until(ready, 60)
        assert (
            await asyncio.to_thread(send, url, "/v1/events", {"type": "Page", "event_id": "e-1", "visitor_id": "v-1"})
            == 202
        )
        told = await command(
            stack, "import", report(stack, "2026-11-01,google,cpc,10", "2026-11-02,google,cpc,20"), *to
        )
        assert told["accepted"] == 2
        await until(arrived, 90)
        patch = json.dumps([{"op": "replace", "path": "/type", "value": "page"}])
        told = await command(stack, "replay", "--where", "site = 'shop'", "--patch", patch)
        assert (told["replayed"], told["mended"]) == (1, 1)
        await stack.derived()
        assert await rows("SELECT event_id, type, visitor_id FROM v_events") == [("e-1", "page", "v-1")]
        told = await command(stack, "replay", "--where", "site = 'shop'", "--patch", patch)
        assert (told["bad_events"], told["replayed"]) == (0, 0)
        # a day that is told again takes the place of the first, also where consumers share the tables
        await command(stack, "import", report(stack, "2026-11-02,google,cpc,21"), *to)
        await stack.derived()
        assert await rows("SELECT toString(day), toFloat64(cost), channel FROM v_ad_costs ORDER BY day") == [
            ("2026-11-01", 10.0, "Paid Search"), ("2026-11-02", 21.0, "Paid Search"),
        ]  # fmt: skip
    finally:
        collector.kill()
