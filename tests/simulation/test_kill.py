"""`kill -9` of collector and consumers, again and again under load: what was acknowledged is in the tables exactly once, and
what is derived is what the reference model says of the log."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consumers.enrich.facts import enrich
from consumers.lookups import make_lookups
from consumers.rules.files import load
from consumers.warehouse.embedded import open_embedded
from eventlog.embedded import open_embedded_log
from netiv.ports import choose
from schemas.record import Accepted, decode
from tests.model.derive import derive
from tests.model.engine import difference, read_tables
from tests.simulation.kill_traffic import Traffic, requests
from tests.simulation.stack import environment, run

EVENTS = 20_000
KILLS = 5
CONNECTIONS = 8
DERIVED_S = 240.0


class Role:
    """One process of ours that is killed and started again."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self.kills = 0
        self._folder = folder
        self._command = [sys.executable, "-m", "netiv", name, *arguments]
        self._output = (folder / f"{name}.txt").open("ab")
        self.start()

    def start(self) -> None:
        self._begun = Path(self._output.name).stat().st_size
        self.process = subprocess.Popen(
            self._command, cwd=self._folder, env=environment(self._folder), stdout=self._output, stderr=self._output
        )

    def must_live(self) -> None:
        """Only we end it."""
        assert self.process.poll() is None, f"{self._command[3]} ended by itself: {self.told()}"

    async def ready(self, sign: str) -> None:
        """Until this very process has said the sign: before that it has no handler of SIGTERM."""
        deadline = time.monotonic() + 60
        while not self._said(sign):
            self.must_live()
            assert time.monotonic() < deadline, self.told()
            await asyncio.sleep(0.05)

    def _said(self, sign: str) -> bool:
        return sign.encode() in Path(self._output.name).read_bytes()[self._begun :]

    def told(self) -> str:
        """Its last words."""
        return Path(self._output.name).read_text("utf-8", "replace")[-3000:]

    def kill(self) -> None:
        """Without a warning; then a new one at once."""
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.start()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self._output.close()


async def lag(port: int) -> dict[str, Any] | None:
    """/v1/lag, or None while the collector is away."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/lag HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
    except (OSError, msgspec.DecodeError):
        return None


async def kill_collector(role: Role, traffic: Traffic, chance: random.Random) -> None:
    """At random points of the sending, evenly spread so that every restart gets work."""
    for number in range(KILLS):
        point = EVENTS * (number + chance.random()) / (KILLS + 1)
        while len(traffic.acknowledged) < point:
            role.must_live()
            await asyncio.sleep(0.01)
        role.kill()


async def kill_consumers(role: Role, port: int, chance: random.Random) -> None:
    """Some moments after a new one has shown that it works; at the end of the backlog, whatever it does."""
    for _ in range(KILLS):
        begun, before = time.monotonic(), await lag(port)
        while time.monotonic() - begun < 8:
            await asyncio.sleep(0.05)
            role.must_live()
            now = await lag(port)
            if now and before and now["loaded"] > before["loaded"]:
                break
            before = before or now
        await asyncio.sleep(chance.random())
        role.kill()


async def until_derived(port: int) -> None:
    deadline = time.monotonic() + DERIVED_S
    while not (now := await lag(port)) or now["lag_events"]:
        assert time.monotonic() < deadline, f"not derived: {now}"
        await asyncio.sleep(0.1)


async def facts_of_log(data: Path) -> list[dict[str, Any]]:
    """Every accepted record of the log as a row, as the model wants it."""
    log, lookups, rows = await open_embedded_log(data / "log"), make_lookups(), []
    try:
        for partition, end in (await log.ends()).items():
            offset = 0
            while offset < end:
                records = await log.read_from(partition, offset, 5_000, 64 * 1024**2)
                offset = records[-1].position.offset + 1
                rows += [
                    enrich(one, r.position, lookups) for r in records if isinstance(one := decode(r.value), Accepted)
                ]
    finally:
        await log.close()
    return rows


@pytest.mark.anyio
async def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    chance = random.Random(7)
    keys = msgspec.json.decode(run(tmp_path, "sites", "add", "shop", "--json").stdout)
    port = choose("127.0.0.1")
    waiting = requests(EVENTS, (keys["write_key"], keys["secret_key"]), chance)
    collector = Role(tmp_path, "collector", "--port", str(port))
    consumers = Role(tmp_path, "consumers", "--clickhouse-port", str(choose("127.0.0.1")))
    try:
        traffic = Traffic(port, waiting)
        await asyncio.gather(
            traffic.run(CONNECTIONS),
            kill_collector(collector, traffic, chance),
            kill_consumers(consumers, port, chance),
        )
        await until_derived(port)
        await collector.ready("listening")
        await consumers.ready("resumed")
    finally:
        codes = collector.stop(), consumers.stop()
    assert codes == (0, 0), f"{codes}: {collector.told()} {consumers.told()}"
    assert (collector.kills, consumers.kills) == (KILLS, KILLS)
    assert traffic.doubts > 0, "no kill interrupted anything"
    await _judge(tmp_path / "data", traffic.acknowledged)


async def _judge(data: Path, acknowledged: set[str]) -> None:
    sent = {f"e{number}" for number in range(EVENTS)}
    assert acknowledged == sent
    warehouse = await open_embedded(data / "warehouse")
    try:
        rows = await warehouse.rows("SELECT event_id, count() FROM v_events GROUP BY event_id")
        assert {event_id for event_id, _ in rows} == sent
        assert [row for row in rows if row[1] != 1] == []
        [(copies, places)] = await warehouse.rows("SELECT count(), uniqExact(log_gen, log_part, log_off) FROM events")
        assert copies == places, "a record of the log is in the table twice"
        facts = await facts_of_log(data)
        assert copies == len(facts)
        assert difference(await read_tables(warehouse, ""), derive(facts, load())) == {}
    finally:
        await warehouse.close()
