"""More than the collector can take: bounded memory, 503 with Retry-After, nothing acknowledged is lost, and it recovers."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import pytest
from collector_server import WRITE, read_all, wait_until, write_sites

from eventlog.embedded.locks import WriterLock
from netiv.ports import choose
from schemas.record import Accepted
from schemas.settings import Settings
from tests.collector.test_process import alive, process

MEMORY_MAX = 300 * 1024**2


class Client:
    """One connection that sends one batch; what it was told."""

    def __init__(self, port: int, number: int, kilobytes: int) -> None:
        self.port, self.number, self.kilobytes = port, number, kilobytes
        self.ids: list[str] = []
        self.status = 0
        self.retry_after = ""

    async def run(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self.request())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.status = int(head.split()[1])
            found = re.search(r"(?i)^retry-after: (\d+)", head, re.MULTILINE)
            self.retry_after = found.group(1) if found else ""
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # refused while the body was still on its way: not acknowledged
        finally:
            writer.close()

    def request(self) -> bytes:
        self.ids = [f"{self.number}-{n}" for n in range(self.kilobytes)]
        filling = "x" * 900
        events = [
            {"type": "page", "visitor_id": "v", "event_id": one, "properties": {"p": filling}} for one in self.ids
        ]
        body = json.dumps({"events": events}).encode()
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {WRITE}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def peak_memory(pid: int) -> int:
    """Bytes of resident memory at most, so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) * 1024


@pytest.mark.anyio
@pytest.mark.parametrize(("count", "kilobytes"), [(1_500, 1), (400, 400)])
async def test_a_log_that_stands_still(tmp_path: Path, count: int, kilobytes: int) -> None:
    """The disk hangs while clients come and come: those beyond the limits are sent away at once, the others wait."""
    write_sites(Settings(data=tmp_path))
    port = choose("127.0.0.1")
    with process(tmp_path, port) as running:
        await asyncio.to_thread(wait_until, lambda: alive(port))
        clients = [Client(port, number, kilobytes) for number in range(count)]
        tasks: list[asyncio.Task[None]] = []
        with WriterLock(tmp_path / "log"):
            for client in clients:
                tasks.append(asyncio.create_task(client.run()))
                if len(tasks) % 20 == 0:
                    await asyncio.sleep(0)
            await waits_for(lambda: any(client.status == 503 for client in clients))
            assert not any(client.status == 202 for client in clients)
        released = time.monotonic()
        await asyncio.gather(*tasks)
        recovery_s = time.monotonic() - released
        peak = peak_memory(running.pid)
        again = Client(port, count, 1)
        await again.run()
    states = [client.status for client in clients]
    print(
        f"{states.count(202)} stored, {states.count(503)} sent away, {states.count(0)} cut off, "
        f"at most {peak / 1024**2:.0f} MiB, all answered {recovery_s:.1f} s after the disk came back"
    )
    assert again.status == 202
    assert set(states) >= {202, 503}
    assert recovery_s < 20
    assert all(5 <= int(client.retry_after) <= 30 for client in clients if client.status == 503)
    stored = {record.event_id for record in await read_all(tmp_path / "log") if isinstance(record, Accepted)}
    kept = {one for client in (*clients, again) if client.status == 202 for one in client.ids}
    assert stored == kept
    assert peak <= MEMORY_MAX


async def waits_for(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - the other side is another process
            await asyncio.sleep(0.05)
