"""How far the tables are behind the log, and waiting until they have caught up with what was acknowledged by now."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from typing import Any

import msgspec

from netiv.errors import CommandError
from netiv.http import Client
from schemas.progress import waiting


class Lag(msgspec.Struct, frozen=True):
    """One reading: next offsets per partition ("sum" alone when the server gives no partitions)."""

    acknowledged: dict[str, int]
    derived: dict[str, int]
    lag_events: int
    lag_s: float
    """How long the oldest event that is not derived has waited, in seconds."""


class Progress(msgspec.Struct, frozen=True):
    """How far a wait has come."""

    done: int
    total: int


def read(client: Client) -> Lag:
    """Ask the collector."""
    try:
        answer = client.request("GET", "/v1/lag")
    except (OSError, http.client.HTTPException) as error:
        raise client.unreachable(error) from None
    if answer.status == 503:
        raise CommandError("The collector can't tell: its log does not answer.", "Is Kafka there, and its topic?")
    if answer.status != 200:
        raise CommandError(f"/v1/lag answered {answer.status}.", "Run `netiv doctor`.")
    return _parse(answer.json())


def _parse(document: dict[str, Any]) -> Lag:
    parts: dict[str, Any] = document.get("partitions") or {"sum": document}
    return Lag(
        acknowledged={name: int(part["acknowledged"]) for name, part in parts.items()},
        derived={name: int(part["derived"]) for name, part in parts.items()},
        lag_events=int(document["lag_events"]),
        lag_s=float(document["lag_s"]),
    )


def wait(client: Client, timeout_s: float, report: Callable[[Progress], None] = lambda _: None) -> bool:
    """Wait until everything acknowledged before this call is derived; False when time ran out."""
    deadline = time.monotonic() + timeout_s
    target = read(client).acknowledged
    pause_s = 0.05
    while True:
        derived = read(client).derived
        behind = waiting(target, derived)
        total = sum(target.values())
        report(Progress(total - behind, total))
        if behind == 0:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)
