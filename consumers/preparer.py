"""From a batch of log records to a load. Small batches are made in a thread, large ones, which come under backlog, in a
second process: there a thread would share one interpreter, and so one core, with everything else of the consumer.

The process starts with the first large batch and ends when none came for a while. Should it die, its batch is made here.
"""

from __future__ import annotations

import asyncio
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
STOP_S: Final = 5.0


def prepare(records: list[Stored], lookups: Lookups, erased: Fingerprints) -> Load:
    """The load of these records, which stand in log order for each partition, without what was erased."""
    ends: dict[int, int] = {}
    for stored in records:
        ends[stored.position.partition] = stored.position.offset + 1
    return load_of(facts_of(records, lookups, erased), ends, len(records))


class Preparer:
    """One batch at a time."""

    def __init__(
        self, lookups: Lookups, erased: Callable[[], Awaitable[bytes]], large_records: int = LARGE_RECORDS
    ) -> None:
        """`erased` gives the fingerprints of erased events, packed; the same object while they are the same."""
        self._lookups = lookups
        self._ask_erased = erased
        self._packed = b""
        self._erased = Fingerprints()
        self._told: bytes | None = None
        self._large = large_records
        self._process: subprocess.Popen[bytes] | None = None
        self._using = threading.Lock()
        self._ending: asyncio.TimerHandle | None = None
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Load).decode
        self._events = structlog.get_logger("netiv.consumer")

    @property
    def process_id(self) -> int | None:
        """The second process, while there is one."""
        return self._process.pid if self._process else None

    async def prepare(self, batch: Batch) -> Load:
        """The load of a batch."""
        packed = await self._ask_erased()
        if packed is not self._packed:
            self._packed, self._erased = packed, Fingerprints(packed)
        if len(batch.records) < self._large:
            return await asyncio.to_thread(prepare, batch.records, self._lookups, self._erased)
        load = await asyncio.to_thread(self._prepare_beside, batch.records)
        if self._ending:
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        self._ending = loop.call_later(IDLE_S, lambda: loop.run_in_executor(None, self.close))
        return load

    def close(self) -> None:
        """End the second process; the next large batch starts another."""
        with self._using:
            if self._process:
                _end(self._process)
                self._process = None

    async def stop(self) -> None:
        """For good."""
        if self._ending:
            self._ending.cancel()
        await asyncio.to_thread(self.close)

    def _prepare_beside(self, records: list[Stored]) -> Load:
        with self._using:
            try:
                if self._process is None:
                    self._process, self._told = _begin(), b""
                packed = self._packed
                request = Request(records, None if packed is self._told else packed)
                load = self._decode(_ask(self._process, self._encode(request)))
                self._told = packed
                return load
            except (OSError, EOFError) as error:
                self._events.warning("prepared_here", reason=f"the second process ended: {error}")
                if self._process:
                    _end(self._process)
                    self._process = None
        return prepare(records, self._lookups, self._erased)


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
