"""An import goes no further ahead of the tables than what it sends at two turns, and waits for nobody who is not there."""

from __future__ import annotations

import asyncio

import pytest
from collector_server import SECRET, Running

from eventlog.embedded import open_embedded_log
from netiv.http import Client
from netiv.importing.pace import PATIENCE_S, ROWS_MAX, Pace
from schemas.progress import GROUP


def send(collector: Running, events: int) -> None:
    batch = [{"type": "page", "visitor_id": f"v-{number}"} for number in range(events)]
    assert collector.post({"events": batch}, SECRET).status == 202


def derive(collector: Running, end: int) -> None:
    async def mark() -> None:
        log = await open_embedded_log(collector.settings.data / "log")
        await log.mark(GROUP, {0: end})
        await log.close()

    asyncio.run(mark())


class Time:
    """Passes only where somebody sleeps; at each sleep one more event is derived, up to a number."""

    def __init__(self, collector: Running, derives: int) -> None:
        self.now = 0.0
        self.derived = 0
        self._derives = derives
        self._collector = collector

    def clock(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += PATIENCE_S * 0.9
        if self.derived < self._derives:
            self.derived += 1
            derive(self._collector, self.derived)


def test_the_next_rows_wait_until_those_before_the_last_are_derived(collector: Running) -> None:
    time = Time(collector, 9)
    client = Client(f"http://127.0.0.1:{collector.port}")
    pace = Pace(client, time.clock, time.sleep)
    for sent, derived in ((3, 0), (5, 3), (1, 8)):
        send(collector, sent)
        pace.sent(ROWS_MAX // 2)
        pace.sent(ROWS_MAX // 2)
        assert time.derived == derived
    client.close()


def test_it_does_not_wait_for_consumers_that_are_stopped(
    collector: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    time = Time(collector, 1)
    client = Client(f"http://127.0.0.1:{collector.port}")
    pace = Pace(client, time.clock, time.sleep)
    for _ in range(4):
        send(collector, 3)
        pace.sent(ROWS_MAX)
    client.close()
    assert (time.derived, time.now) == (1, PATIENCE_S * 0.9 * 3)
    assert capsys.readouterr().err.count("does not wait") == 1
