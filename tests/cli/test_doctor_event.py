"""`netiv doctor --event`: wherever an event is, it is found there; embedded mode. Kafka's is in tests/kafka/test_waiting.py."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from eventlog.contract import Record
from eventlog.embedded import open_embedded_log
from netiv.http import Client
from schemas.record import Accepted, encode, key_of
from tests.simulation.stack import Stack


def where(stack: Stack, event_id: str) -> dict[str, dict[str, Any]]:
    """What the doctor says, by check."""
    port = stack.welcome["clickhouse"].rpartition(":")[2].strip("/")
    told = stack.netiv("doctor", "--event", event_id, "--clickhouse-port", port, "--json", check=False)
    return {finding["check"]: finding for finding in json.loads(told.stdout)}


def test_an_event_is_found_wherever_it_is(stack: Stack) -> None:
    keys = json.loads(stack.netiv("sites", "add", "shop", "--json").stdout)
    client = Client(stack.url)
    headers = {"content-type": "application/json", "authorization": f"Bearer {keys['secret_key']}"}
    good = {"type": "page", "event_id": "good-1", "visitor_id": "v", "context": {"url": "https://shop.example/"}}
    bad = {"type": "nonsense", "event_id": "bad-1", "visitor_id": "v"}
    about = {"type": "nonsense", "event_id": "good-10", "visitor_id": "v", "properties": {"after": "good-1"}}
    body = json.dumps({"events": [good, bad, about]}).encode()
    assert client.request("POST", "/v1/events", body, headers).status == 202
    client.close()
    stack.wait_derived()

    found = where(stack, "good-1")
    assert found["answer"]["state"] == "ok"
    assert "type page, visitor v" in found["facts"]["detail"]
    assert "session" in found["reports"]["detail"]
    assert found["log"] == {"check": "log", "state": "ok", "detail": "nothing of it waits in the log", "fix": ""}
    assert "bad events" not in found, "another's payload holds its id"

    refused = where(stack, "bad-1")
    assert "refused and kept" in refused["answer"]["detail"]
    assert "netiv replay" in refused["bad events"]["fix"]

    nowhere = where(stack, "never-sent")
    assert nowhere["answer"]["state"] == "fail"
    assert "nowhere" in nowhere["answer"]["detail"]


def test_an_event_in_a_spool_and_one_in_the_log_only(stack: Stack) -> None:
    async def put(folder: Path, event_id: str) -> None:
        log = await open_embedded_log(folder)
        record = Accepted(site="shop", received_at=1_772_495_400_000, event_id=event_id, visitor_id="v", event=b"{}")
        await log.append([Record(key_of("shop", "v"), encode(record))])
        await log.close()

    data = stack.folder / "data"
    asyncio.run(put(data / "spool" / "0", "spooled-1"))
    found = where(stack, "spooled-1")
    assert "waits for Kafka" in found["spool"]["detail"]
    assert "on its way" in found["answer"]["detail"]

    stack.stop()
    asyncio.run(put(data / "log", "logged-1"))
    found = where(stack, "logged-1")
    assert "partition 0" in found["log"]["detail"]
    assert "on its way" in found["answer"]["detail"]
    assert found["tables"]["state"] == "fail"  # the engine is down: said, and no reason to say "nowhere"
