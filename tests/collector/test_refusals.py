"""Why the log takes nothing stands in the collector's own log, once a minute for each kind."""

from __future__ import annotations

import structlog

from collector.refusals import EVERY_S, Refusals
from eventlog.contract import LogFull, LogUnavailable


def test_each_kind_is_told_at_once_and_then_now_and_then() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    locked = LogUnavailable("database is locked", "look for one that hangs")
    with structlog.testing.capture_logs() as told:
        for _ in range(100):
            refusals.tell(locked)
        refusals.tell(LogFull("The disk of the log is full"))
        now[0] = EVERY_S
        refusals.tell(locked)
    assert [(one["event"], one["reason"], one["hint"]) for one in told] == [
        ("log_refuses", "database is locked", "look for one that hangs"),
        ("log_refuses", "The disk of the log is full", "Free disk space, or raise the log's size limit."),
        ("log_refuses", "database is locked", "look for one that hangs"),
    ]
