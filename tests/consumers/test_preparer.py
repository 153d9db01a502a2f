"""A process beside makes what a thread makes, outlives nobody, and may die."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
from array import array
from collections.abc import AsyncIterator

import psutil
import pytest

from bench.traffic import records
from consumers import preparer_process
from consumers.identity.erased import Fingerprints, bad_fingerprint, fingerprint
from consumers.lookups import make_lookups
from consumers.preparer import Preparer, helpers_max, prepare
from eventlog.contract import Batch, Position, Stored
from schemas.record import Accepted, decode

LOOKUPS = make_lookups()
NONE = Fingerprints()
STORED = [Stored(Position(1, n % 2, n // 2), r.key, r.value, 5) for n, r in enumerate(records(400, 30, seed=5))]
STORED[7] = Stored(Position(1, 1, 3), b"", b"no record", 5)


async def nothing_erased() -> bytes:
    return b""


@pytest.fixture
async def preparer() -> AsyncIterator[Preparer]:
    made = Preparer(LOOKUPS, nothing_erased, large_records=100)
    yield made
    await made.stop()


@pytest.mark.anyio
async def test_a_process_beside_makes_the_same(preparer: Preparer) -> None:
    small, large = STORED[:50], STORED
    assert await preparer.prepare(Batch(1, small)) == prepare(small, LOOKUPS, NONE)
    assert preparer.process_ids == []
    made = await preparer.prepare(Batch(1, large))
    assert made == prepare(large, LOOKUPS, NONE)
    assert len(preparer.process_ids) == 1
    assert (made.records, made.ends, made.bad[0].rows) == (400, {0: 200, 1: 200}, 1)
    assert sum(run.block.rows for run in made.runs) == 399


@pytest.mark.anyio
async def test_several_at_once_are_made_beside_each_other(preparer: Preparer) -> None:
    parts = [STORED[start : start + 100] for start in range(0, 400, 100)]
    made = await asyncio.gather(*(preparer.prepare(Batch(1, part)) for part in parts))
    assert made == [prepare(part, LOOKUPS, NONE) for part in parts]
    assert len(preparer.process_ids) == helpers_max()


def test_between_batches_it_gives_back_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    given = threading.Event()
    monkeypatch.setattr(preparer_process, "give_back", given.set)
    monkeypatch.setattr(preparer_process.gc, "disable", lambda: None)
    there, here = os.pipe()
    with os.fdopen(there, "rb") as source:
        serving = threading.Thread(target=preparer_process.serve, args=(source, io.BytesIO()))
        serving.start()
        gave = given.wait(30)
        os.close(here)
        serving.join(30)
        assert gave
        assert not serving.is_alive()
    monkeypatch.undo()
    preparer_process.give_back()


@pytest.mark.anyio
async def test_it_may_die(preparer: Preparer) -> None:
    await preparer.prepare(Batch(1, STORED))
    (first,) = preparer.process_ids
    os.kill(first, signal.SIGKILL)
    assert await preparer.prepare(Batch(1, STORED)) == prepare(STORED, LOOKUPS, NONE)
    assert await preparer.prepare(Batch(1, STORED)) == prepare(STORED, LOOKUPS, NONE)
    assert preparer.process_ids
    assert first not in preparer.process_ids


@pytest.mark.anyio
async def test_it_ends_with_its_consumer(preparer: Preparer) -> None:
    await preparer.prepare(Batch(1, STORED))
    process = psutil.Process(preparer.process_ids[0])
    # to be interrupted at the keyboard is the consumer's business
    process.send_signal(signal.SIGINT)
    assert await preparer.prepare(Batch(1, STORED)) == prepare(STORED, LOOKUPS, NONE)
    assert process.is_running()
    await preparer.stop()
    assert not process.is_running()


@pytest.mark.anyio
async def test_what_was_erased_is_left_out_by_both() -> None:
    one = decode(STORED[0].value)
    assert isinstance(one, Accepted)
    gone = [fingerprint(one.site, one.visitor_id, one.event_id), bad_fingerprint((1, 1, 3))]
    erased = [b""]

    async def packed() -> bytes:
        return erased[0]

    preparer = Preparer(LOOKUPS, packed, large_records=100)
    try:
        assert await preparer.prepare(Batch(1, STORED)) == prepare(STORED, LOOKUPS, NONE)
        erased[0] = array("Q", sorted(gone)).tobytes()
        expected = prepare(STORED, LOOKUPS, Fingerprints(erased[0]))
        assert sum(run.block.rows for run in expected.runs) == 398
        assert expected.bad == []
        assert await preparer.prepare(Batch(1, STORED)) == expected
        assert await preparer.prepare(Batch(1, STORED)) == expected
    finally:
        await preparer.stop()
