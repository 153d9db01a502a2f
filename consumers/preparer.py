"""From a batch of log records to a load. Small batches are made in a thread, large ones, which come under backlog, in
processes beside: there a thread would share one interpreter, and so one core, with everything else of the consumer.

A process starts with the first large batch that finds no other idle, and ends when none came for a while. Should it die, its
batch is made here.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import IO, Final

import msgspec
import structlog

from consumers.enrich.facts import facts_of
from consumers.enrich.steps import Lookups
from consumers.identity.erased import Fingerprints
from consumers.load import Load, load_of
from consumers.preparer_process import Request, read_frame, write_frame
from eventlog.contract import Batch, Stored

LARGE_RECORDS: Final = 4_000
IDLE_S: Final = 60.0
HELPERS_MAX: Final = 2
STOP_S: Final = 5.0


def prepare(records: list[Stored], lookups: Lookups, erased: Fingerprints) -> Load:
    """The load of these records, which stand in log order for each partition, without what was erased."""
    ends: dict[int, int] = {}
    for stored in records:
        ends[stored.position.partition] = stored.position.offset + 1
    return load_of(facts_of(records, lookups, erased), ends, len(records))


class Preparer:
    """Several batches at a time, as many as there are processes for."""

    def __init__(
        self, lookups: Lookups, erased: Callable[[], Awaitable[bytes]], large_records: int = LARGE_RECORDS
    ) -> None:
        """`erased` gives the fingerprints of erased events, packed; the same object while they are the same."""
        self._lookups = lookups
        self._ask_erased = erased
        self._packed = b""
        self._erased = Fingerprints()
        self._large = large_records
        self._helpers = [Helper() for _ in range(helpers_max())]
        self._idle: asyncio.LifoQueue[Helper] = asyncio.LifoQueue()
        for helper in self._helpers:
            self._idle.put_nowait(helper)
        self._ending: asyncio.TimerHandle | None = None
        self._events = structlog.get_logger("netiv.consumer")

    @property
    def process_ids(self) -> list[int]:
        """The processes beside, while there are any."""
        return [helper.process.pid for helper in self._helpers if helper.process]

    async def prepare(self, batch: Batch) -> Load:
        """The load of a batch."""
        packed = await self._ask_erased()
        if packed is not self._packed:
            self._packed, self._erased = packed, Fingerprints(packed)
        erased = self._erased
        if len(batch.records) < self._large:
            return await asyncio.to_thread(prepare, batch.records, self._lookups, erased)
        helper = await self._idle.get()
        try:
            load = await asyncio.to_thread(helper.prepare, batch.records, packed)
        except (OSError, EOFError) as error:
            self._events.warning("prepared_here", reason=f"a process beside ended: {error}")
            load = await asyncio.to_thread(prepare, batch.records, self._lookups, erased)
        finally:
            self._idle.put_nowait(helper)
        if self._ending:
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        self._ending = loop.call_later(IDLE_S, lambda: loop.run_in_executor(None, self.close))
        return load

    def close(self) -> None:
        """End the processes; the next large batch starts another."""
        for helper in self._helpers:
            helper.close()

    async def stop(self) -> None:
        """For good."""
        if self._ending:
            self._ending.cancel()
        await asyncio.to_thread(self.close)


def helpers_max() -> int:
    """Two where there are cores for them: with one, two cores wait for it half of the time; more would only be memory."""
    return min(HELPERS_MAX, len(os.sched_getaffinity(0)))


class Helper:
    """One process beside. Used by one thread at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._told: bytes | None = None
        self._using = threading.Lock()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Load).decode

    def prepare(self, records: list[Stored], packed: bytes) -> Load:
        """The load of these records, without what the packed fingerprints name. Raises `OSError` or `EOFError` when the
        process has died; the next call starts another."""
        with self._using:
            try:
                if self.process is None:
                    self.process, self._told = _begin(), b""
                request = Request(records, None if packed is self._told else packed)
                load = self._decode(_ask(self.process, self._encode(request)))
            except (OSError, EOFError):
                self._end()
                raise
            self._told = packed
            return load

    def close(self) -> None:
        """End the process."""
        with self._using:
            self._end()

    def _end(self) -> None:
        if self.process:
            _end(self.process)
            self.process = None


def _begin() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "consumers.preparer_process"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - nothing of it is input


def _ask(process: subprocess.Popen[bytes], request: bytes) -> bytes:
    write_frame(_pipe(process.stdin), request)
    return read_frame(_pipe(process.stdout))


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:  # pragma: no cover - both are asked for in `_begin`
        raise OSError("no pipe")
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        _pipe(process.stdin).close()  # which ends it
        process.wait(STOP_S)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
    finally:
        _pipe(process.stdout).close()
