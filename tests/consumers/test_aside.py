"""A key whose derivation fails is set aside: everything else goes on, and all is as it would have been once the cause is gone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from consumers.rebuild import Successor, rebuild
from consumers.refresh.aside import ASIDE_MAX, FIRST_WAIT_US, LONGEST_WAIT_US
from consumers.refresh.kinds import CONVERSION, PERSON, SUBJECT, Kind
from consumers.refresh.order import CAREFUL_STEPS, CONVERSION_STEPS, PERSON_STEPS, STAGE_STEPS, SUBJECT_STEPS
from consumers.refresh.refresher import Refresher
from consumers.refresh.sharing import SharedRefresher
from consumers.rules.files import load
from consumers.warehouse.contract import Warehouse, WarehouseError, WarehouseUnavailable
from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.passing import PassingWarehouse
from eventlog.contract import Stored
from schemas.record import decode
from tests.consumers.test_server_anew import Steady
from tests.kafka.consumer_stack import visits
from tests.model.derive import Tables
from tests.model.engine import Pipeline, difference
from tests.model.test_stream import CONVERSIONS, STAGES
from tests.model.worlds import records

pytestmark = pytest.mark.anyio
# What the engine refuses whenever it is asked, as a function does that meets what it cannot work with.
REFUSED = "SELECT arrayJoin(range(1000000000000))"
RULES = msgspec.structs.replace(load(), conversions=CONVERSIONS, stages=STAGES)
BY_SUBJECT = ("event_duplicates", "sessions", "touchpoints", "stage_events", "conversion_events")


class Fault(msgspec.Struct, frozen=True):
    """A step (a file of derive/, or the writing of a table) fails where it has one of these keys to work on."""

    kind: Kind
    step: str
    key: str
    statement: str = REFUSED


class Faulty(PassingWarehouse):
    """An engine in which steps of a refresher fail."""

    def __init__(self, inner: Warehouse) -> None:
        super().__init__(inner)
        self.faults: list[Fault] = []
        self.refresher: Refresher | None = None
        self.statements = 0

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.statements += 1
        if self.refresher and "INSERT INTO" in sql:
            at = self.refresher.at  # before anything else can go on
            for fault in self.faults:
                if fault.step == at and await self._has(fault):
                    await super().command(fault.statement)
        await super().command(sql, parameters)

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        self.statements += 1
        return await super().rows(sql, parameters)

    async def _has(self, fault: Fault) -> bool:
        scratch = self.refresher._scratch  # type: ignore[union-attr]
        sql = f"SELECT count() FROM {scratch}.{fault.kind.dirty} WHERE toString({fault.kind.column}) = {{key:String}}"
        return bool((await self._inner.rows(sql, {"key": fault.key}))[0][0])


class Clock:
    """Goes on by itself, and further when told."""

    def __init__(self) -> None:
        self.now_us = 1_800_000_000_000_000

    def __call__(self) -> int:
        self.now_us += 1
        return self.now_us


class Scene:
    """A world that is delivered in pieces to one consumer."""

    def __init__(self, warehouse: Faulty) -> None:
        self.warehouse = warehouse
        self.pipeline = Pipeline(warehouse, RULES)  # type: ignore[arg-type]
        self.stored: list[Stored] = []
        self.pieces: list[list[Stored]] = []
        self.clock = Clock()

    async def begin(self, kind: type[Refresher] = Refresher, scratch: str = "scratch_standard") -> Refresher:
        """A consumer that begins."""
        refresher = kind(self.warehouse, RULES, scratch, "netiv", self.clock)
        await refresher.prepare()
        self.pipeline._refreshers["standard"] = refresher, RULES
        self.warehouse.refresher = refresher
        return refresher

    async def world(self, events: int = 60, pieces: int = 3, seed: int = 3) -> str:
        """Its name; nothing of it is delivered yet."""
        await self.pipeline.empty()
        await self.warehouse.command("TRUNCATE TABLE set_aside")
        name = await self.pipeline.name()
        made = records(visits(random.Random(seed), events), name)
        stored = [self.pipeline.stored(record, number % 3) for number, record in enumerate(made)]
        self.stored, size = [], -(-len(stored) // pieces)
        self.pieces = [stored[start : start + size] for start in range(0, len(stored), size)]
        return name

    async def deliver(self) -> None:
        """The next piece."""
        piece = self.pieces.pop(0)
        self.stored += piece
        await self.pipeline.deliver(piece, Steady(9), "standard")

    def coming(self) -> list[str]:
        """The visitors of the next piece."""
        return sorted({str(decode(one.value).visitor_id) for one in self.pieces[0]})  # type: ignore[union-attr]

    async def refresh(self) -> None:
        """With nothing new."""
        refresher = self.warehouse.refresher
        assert refresher is not None
        cycle = refresher.turn()
        await refresher.refresh(cycle)
        await refresher.clear(cycle)

    def later(self, us: int) -> None:
        self.clock.now_us += us

    async def tables(self, name: str) -> Tables:
        return await self.pipeline.tables(name)

    def model(self) -> Tables:
        return self.pipeline.model(self.stored, "standard")

    async def aside(self) -> list[tuple[Any, ...]]:
        """(kind, key, reason, attempts)."""
        return await self.warehouse.rows("SELECT kind, key, reason, attempts FROM set_aside FINAL ORDER BY kind, key")

    async def equal(self, name: str) -> None:
        assert difference(await self.tables(name), self.model()) == {}
        assert await self.aside() == []


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    warehouse = Faulty(await open_embedded(tmp_path_factory.mktemp("aside") / "warehouse"))
    try:
        made = Scene(warehouse)
        await made.pipeline.start()
        yield made
    finally:
        await warehouse.close()


@pytest.fixture(autouse=True)
def _nothing_fails_and_nobody_waits(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.warehouse.faults = []
    monkeypatch.setattr("consumers.refresh.narrowing.PAUSES_S", (0.0,))


def without(tables: Tables, column: str, keys: set[str], *names: str) -> Tables:
    return {name: [row for row in tables[name] if row[column] not in keys] for name in names}


async def keys(scene: Scene, kind: Kind) -> list[str]:
    table = {CONVERSION: "conversions", PERSON: "open_paths"}[kind]
    rows = await scene.warehouse.rows(f"SELECT DISTINCT toString({kind.derived_column}) AS key FROM {table} FINAL ORDER BY key")
    return [str(key) for (key,) in rows]


# What sessions wait for.
BEFORE_SESSIONS = {"10_event_duplicates", "15_dirty_before", "20_identities", "30_sessions", "37_combinations", "39_sessions", "sessions"}
# Sources are found once, not for each subject.
SUBJECT_FAULTS = ("10_event_duplicates", *(step for step in CAREFUL_STEPS[SUBJECT] if step != "38_sources"))


@pytest.mark.parametrize("kind", [Refresher, SharedRefresher])
async def test_subjects_whose_steps_fail(scene: Scene, kind: type[Refresher]) -> None:
    """As many at once as there are steps, first and last among them; the others' rows are right, theirs of before; then all are."""
    name = await scene.world(events=240)
    await scene.begin(kind)
    await scene.deliver()
    before = await scene.tables(name)
    known = scene.coming()
    scene.warehouse.faults = [Fault(SUBJECT, step, key) for step, key in zip(SUBJECT_FAULTS, known[:-1], strict=False)]
    scene.warehouse.faults.append(Fault(SUBJECT, "30_sessions", known[-1]))
    failing = {fault.key for fault in scene.warehouse.faults}
    assert len(failing) == len(SUBJECT_FAULTS) + 1
    await scene.deliver()
    found = await scene.aside()
    assert {key for _, key, _, _ in found} == failing
    assert {kind for kind, _, _, _ in found} == {"subject"}
    assert {(key, reason) for _, key, reason, _ in found} == {
        (fault.key, f"ARGUMENT_OUT_OF_BOUND in {fault.step}") for fault in scene.warehouse.faults
    }
    named = ("sessions", "touchpoints", "event_duplicates")
    tables, model = await scene.tables(name), scene.model()
    assert difference(without(tables, "subject", failing, *named), without(model, "subject", failing, *named)) == {}
    stale = {fault.key for fault in scene.warehouse.faults if fault.step in BEFORE_SESSIONS}
    kept = [row for row in tables["sessions"] if row["subject"] in stale]
    assert kept == [row for row in before["sessions"] if row["subject"] in stale]
    scene.warehouse.faults = []
    await scene.deliver()
    assert len(await scene.aside()) == len(failing)  # not before its time
    scene.warehouse.refresher.aside.hurry()  # type: ignore[union-attr]
    await scene.refresh()
    await scene.equal(name)


@pytest.mark.parametrize("kind", [Refresher, SharedRefresher])
async def test_persons_and_conversions_whose_steps_fail(scene: Scene, kind: type[Refresher]) -> None:
    """What subjects do stays right meanwhile, theirs too."""
    name = await scene.world(events=120)
    await scene.begin(kind)
    await scene.deliver()
    persons, conversions = await keys(scene, PERSON), await keys(scene, CONVERSION)
    by_person = [Fault(PERSON, step, key) for step, key in zip((s for s in PERSON_STEPS if "touch_s" not in s), persons, strict=False)]
    by_conversion = [Fault(CONVERSION, step, key) for step, key in zip(("60_chosen", "conversions"), conversions, strict=False)]
    scene.warehouse.faults = by_person + by_conversion
    assert (len(by_person), len(by_conversion)) == (6, 2)
    await scene.deliver()
    found = await scene.aside()
    assert {(kind, key) for kind, key, _, _ in found} == {(fault.kind.name, fault.key) for fault in scene.warehouse.faults}
    tables, model = await scene.tables(name), scene.model()
    for table in ("sessions", "touchpoints", "identities", "event_duplicates"):
        assert difference({table: tables[table]}, {table: model[table]}) == {}
    failing = {fault.key for fault in by_person}
    named = ("open_paths", "touch_sessions")
    assert difference(without(tables, "person_id", failing, *named), without(model, "person_id", failing, *named)) == {}
    await scene.deliver()  # they are left out, and nothing fails
    assert [attempts for *_, attempts in await scene.aside()] == [1] * len(scene.warehouse.faults)
    scene.warehouse.faults = []
    scene.warehouse.refresher.aside.hurry()  # type: ignore[union-attr]
    await scene.refresh()
    await scene.equal(name)
