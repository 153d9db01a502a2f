"""Several worker processes on one listening socket: started, replaced when they die, ended together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from typing import Final

import structlog

GRACE_S: Final = 10.0
# A worker that dies sooner than this after its start is broken, not unlucky: replacing it would spin.
SETTLED_S: Final = 5.0


def supervise(work: Callable[[], None], count: int) -> int:
    """Runs `count` processes of `work` until a signal. Returns the exit code."""
    stopping: list[int] = []
    before = {its: signal.signal(its, lambda got, _: stopping.append(got)) for its in (signal.SIGINT, signal.SIGTERM)}
    started: list[tuple[SpawnProcess, float]] = []
    try:
        started.extend(_start(work) for _ in range(count))
        while not stopping:
            connection.wait([process.sentinel for process, _ in started], timeout=0.2)
            for place, (process, since) in enumerate(started):
                if stopping or process.exitcode is None:
                    continue
                structlog.get_logger("netiv.workers").error("worker_died", code=process.exitcode)
                if time.monotonic() - since < SETTLED_S:
                    return 1
                started[place] = _start(work)
        return 0
    finally:
        _end([process for process, _ in started])
        for its, handler in before.items():
            signal.signal(its, handler)


def end_with_parent() -> None:
    """In a worker: ends it when its supervisor is gone, however that went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def wait() -> None:
        connection.wait([sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _start(work: Callable[[], None]) -> tuple[SpawnProcess, float]:
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    return process, time.monotonic()


def _end(processes: list[SpawnProcess]) -> None:
    for process in processes:
        if process.exitcode is None:
            process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()
