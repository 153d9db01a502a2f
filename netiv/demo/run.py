"""The demo from end to end: simulate, send, wait until derived, read back, compare."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from netiv import lag
from netiv.clickhouse import ClickHouse
from netiv.demo import compare, derived
from netiv.demo.pairs import Score, scores
from netiv.demo.sender import Counts, Keys, Sender, refused
from netiv.demo.simulate import World, simulate
from netiv.errors import CommandError
from netiv.http import Client

_KEY_KNOWN_S = 10.0

Show = Callable[[str, int, int], None]  # what is done, how much of it, of how much


class Order(msgspec.Struct, frozen=True):
    """What to play, and against which stack."""

    url: str
    keys: Keys
    site: str
    seed: int
    persons: int
    until: datetime
    timeout_s: float


class Outcome(msgspec.Struct, frozen=True):
    """What came of it: the shop's customers line by line, the hard cases by their scores. Seconds by the wall clock."""

    counts: Counts
    lines: list[compare.Line]
    scores: list[Score]
    sent_s: float
    derived_s: float

    @property
    def agreement(self) -> float:
        """The worst line, in percent."""
        return min(line.agreement for line in self.lines)

    @property
    def missed(self) -> list[Score]:
        """Scores below what is wanted."""
        return [score for score in self.scores if score.percent < score.wanted]


def play(order: Order, warehouse: ClickHouse, show: Show) -> tuple[World, Outcome]:
    """Run it. Raises when the stack refuses, or does not derive in time."""
    world = simulate(order.seed, order.persons, order.until)
    client = Client(order.url)
    lag.read(client)  # is anybody there? Said at once, without the patience of what follows
    _await_key(client, order.keys)
    started = time.monotonic()
    counts = _send(order, world, show)
    sent = time.monotonic()
    if not lag.wait(client, order.timeout_s, lambda progress: show("Deriving", progress.done, progress.total)):
        raise CommandError(
            f"Not derived after {order.timeout_s:g} s.", "Are the consumers running? See `netiv doctor`."
        )
    done = time.monotonic()
    client.close()
    lines = compare.compare(world.truth, derived.read(warehouse, order.site, world.truth))
    persons = scores(world.hard, derived.owners(warehouse, order.site, world.hard.prefix))
    return world, Outcome(counts, lines, persons, round(sent - started, 2), round(done - sent, 2))


def _send(order: Order, world: World, show: Show) -> Counts:
    total = sum(len(parcel.events) for parcel in world.parcels)
    done = 0

    def report(events: int) -> None:
        nonlocal done
        done += events
        show("Sending", done, total)

    return Sender(order.url, order.keys).send(world.parcels, report)


def _await_key(client: Client, keys: Keys) -> None:
    """A collector reads a changed sites file within a moment: an empty batch (which is never stored) tells."""
    headers = {"Authorization": f"Bearer {keys.secret_key}", "Content-Type": "application/json"}
    deadline = time.monotonic() + _KEY_KNOWN_S
    while True:
        answer = client.patient("POST", "/v1/events", b'{"events":[]}', headers)
        if answer.status != 401:
            return
        if time.monotonic() > deadline:
            raise refused(answer)
        time.sleep(0.1)
