"""A key whose derivation fails is set aside: everything else goes on, and all is as it would have been once the cause is gone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from consumers.rebuild import Successor, rebuild
from consumers.refresh.aside import ASIDE_MAX, FIRST_WAIT_US, LONGEST_WAIT_US
from consumers.refresh.kinds import CONVERSION, PERSON, SUBJECT, Kind
from consumers.refresh.order import CAREFUL_STEPS, PERSON_STEPS
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
TOO_LARGE = "SELECT groupArray(number) FROM numbers(10000000) SETTINGS max_memory_usage = 2000000"
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
    rows = await scene.warehouse.rows(
        f"SELECT DISTINCT toString({kind.derived_column}) AS key FROM {table} FINAL ORDER BY key"
    )
    return [str(key) for (key,) in rows]


# What sessions wait for.
BEFORE_SESSIONS = {
    "10_event_duplicates",
    "15_dirty_before",
    "20_identities",
    "30_sessions",
    "37_combinations",
    "39_sessions",
    "sessions",
}
# Sources are found once, not for each subject.
SUBJECT_FAULTS = ("10_event_duplicates", *(step for step in CAREFUL_STEPS[SUBJECT] if step != "38_sources"))


@pytest.mark.parametrize(("kind", "steps"), [(Refresher, SUBJECT_FAULTS[::2]), (SharedRefresher, SUBJECT_FAULTS[1::2])])
async def test_subjects_whose_steps_fail(scene: Scene, kind: type[Refresher], steps: Sequence[str]) -> None:
    """As many at once as there are steps, first and last among them; the others' rows are right, theirs of before; then all are."""
    name = await scene.world(events=120)
    await scene.begin(kind)
    await scene.deliver()
    before = await scene.tables(name)
    known = scene.coming()
    scene.warehouse.faults = [Fault(SUBJECT, step, key) for step, key in zip(steps, known[:-1], strict=False)]
    scene.warehouse.faults.append(Fault(SUBJECT, "30_sessions", known[-1]))
    failing = {fault.key for fault in scene.warehouse.faults}
    assert len(failing) == len(steps) + 1
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
    by_person = [
        Fault(PERSON, step, key)
        for step, key in zip(
            (s for s in PERSON_STEPS if "touch_s" not in s and "pieces" not in s), persons, strict=False
        )
    ]
    by_conversion = [
        Fault(CONVERSION, step, key) for step, key in zip(("60_chosen", "conversions"), conversions, strict=False)
    ]
    scene.warehouse.faults = by_person + by_conversion
    assert (len(by_person), len(by_conversion)) == (6, 2)
    await scene.deliver()
    found = await scene.aside()
    assert {(kind, key) for kind, key, _, _ in found} == {
        (fault.kind.name, fault.key) for fault in scene.warehouse.faults
    }
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


async def test_the_only_key(scene: Scene) -> None:
    """A slice of one visitor, and then of nothing else than that one."""
    name = await scene.world(events=8, pieces=2)  # of one or two visitors
    await scene.begin()
    scene.warehouse.faults = [Fault(SUBJECT, "35_touches", key) for key in scene.coming()]
    await scene.deliver()
    assert (await scene.tables(name))["sessions"] == []
    await scene.deliver()
    assert {attempts for *_, attempts in await scene.aside()} == {1}
    scene.warehouse.faults = []
    scene.warehouse.refresher.aside.hurry()  # type: ignore[union-attr]
    await scene.refresh()
    await scene.equal(name)


async def test_it_is_tried_again_at_growing_intervals_and_at_a_start(scene: Scene) -> None:
    name = await scene.world(events=20, pieces=2)
    refresher = await scene.begin()
    one = scene.coming()[0]
    scene.warehouse.faults = [Fault(SUBJECT, "30_sessions", one)]
    await scene.deliver()
    waits = [FIRST_WAIT_US]
    for attempt in range(1, 4):
        assert not refresher.aside.is_due()
        await scene.refresh()
        assert [attempts for *_, attempts in await scene.aside()] == [attempt]
        scene.later(waits[-1])
        assert refresher.aside.is_due()
        await scene.refresh()
        waits.append(2 * waits[-1])
    told = refresher.aside.told()
    assert (told.now, told.put, told.back) == (1, 1, 0)
    [entry] = refresher.aside.entries.values()
    assert msgspec.structs.replace(entry, attempts=40).due_us - entry.last_ms * 1000 == LONGEST_WAIT_US
    refresher = await scene.begin()  # a restart
    assert refresher.aside.is_due()
    await scene.refresh()
    assert [attempts for *_, attempts in await scene.aside()] == [5]
    scene.warehouse.faults = []
    await scene.deliver()
    scene.later(LONGEST_WAIT_US)
    await scene.refresh()
    assert refresher.aside.told().back == 1
    await scene.equal(name)


async def test_what_is_no_matter_of_keys_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is away or full, time-outs, somebody's KILL, a missing table, rights, files."""
    name = await scene.world(events=12, pieces=1)
    refresher = await scene.begin()
    codes = [0, 159, 202, 210, 242, 243, 252, 394, 60, 62, 497, 76]

    async def fails(*_: object, **__: object) -> None:
        raise WarehouseUnavailable("it fails", codes[-1])

    with monkeypatch.context() as patch:
        patch.setattr(refresher, "_step", fails)
        with pytest.raises(WarehouseUnavailable, match="it fails"):
            await scene.deliver()
        while codes:
            with pytest.raises(WarehouseUnavailable, match="it fails"):
                await scene.refresh()
            codes.pop()
    assert await scene.aside() == []
    await scene.refresh()
    await scene.equal(name)


async def test_very_many_are_no_matter_of_keys(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails for everybody is told, and nothing is lost."""
    monkeypatch.setattr("consumers.refresh.aside.ASIDE_MAX", 2)
    assert ASIDE_MAX == 100
    name = await scene.world(events=40, pieces=1)
    await scene.begin()
    scene.warehouse.faults = [Fault(SUBJECT, "30_sessions", key) for key in scene.coming()]
    with pytest.raises(WarehouseError, match="ARGUMENT_OUT_OF_BOUND"):
        await scene.deliver()
    assert len(await scene.aside()) == 2
    scene.warehouse.faults = []
    refresher = await scene.begin()
    refresher.aside.hurry()
    await scene.refresh()
    await scene.equal(name)


async def test_however_many_need_too_much_memory_the_others_go_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can make such visitors with a write key."""
    monkeypatch.setattr("consumers.refresh.aside.ASIDE_MAX", 2)
    name = await scene.world(events=80, pieces=2)
    await scene.begin()
    large = scene.coming()[:5]
    scene.warehouse.faults = [Fault(SUBJECT, "30_sessions", key, TOO_LARGE) for key in large]
    await scene.deliver()
    await scene.deliver()  # and are left out, by a consumer that begins as well
    await scene.begin()
    await scene.refresh()
    assert {key for _, key, _, _ in await scene.aside()} == set(large)
    tables, model = await scene.tables(name), scene.model()
    others = ("sessions", "touchpoints")
    assert (
        difference(without(tables, "subject", set(large), *others), without(model, "subject", set(large), *others))
        == {}
    )
    scene.warehouse.faults = []
    scene.warehouse.refresher.aside.hurry()  # type: ignore[union-attr]
    await scene.refresh()
    await scene.equal(name)


async def test_where_nothing_is_set_aside_nothing_is_asked_of_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.world(events=20, pieces=2)
    await scene.begin()
    await scene.deliver()
    asked = []

    async def noting(self: Faulty, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return await self._inner.rows(sql, parameters)

    monkeypatch.setattr(Faulty, "rows", noting)
    await scene.deliver()
    assert asked
    assert not [sql for sql in asked if "set_aside" in sql]


async def test_a_rebuild_goes_on_past_it(scene: Scene) -> None:
    """Its tables lack the key and say so; the next one has it. Whoever had it set aside knows of both."""
    name = await scene.world(events=40, pieces=2)
    refresher = await scene.begin()
    await scene.deliver()
    one = scene.coming()[0]
    successor = Successor(scene.warehouse, RULES, "netiv_next", scene.clock)
    scene.warehouse.refresher = successor._refresher
    scene.warehouse.faults = [Fault(SUBJECT, "39_sessions", one)]
    await successor.begin()
    await successor.catch_up()
    await successor.take_over()
    await successor.discard()
    assert [entry.key for entry in successor.aside.entries.values()] == [one]
    assert one not in {row["subject"] for row in (await scene.tables(name))["sessions"]}
    refresher.adopt(RULES)
    await scene.pipeline.merges("STOP")
    scene.warehouse.refresher = refresher
    await scene.deliver()
    assert [entry.key for entry in refresher.aside.entries.values()] == [one]
    scene.warehouse.faults = []
    await rebuild(scene.warehouse, RULES, scene.clock)
    refresher.adopt(RULES)
    await scene.refresh()
    assert refresher.aside.told().back == 1
    await scene.equal(name)


@pytest.mark.parametrize("seed", range(3))
async def test_two_consumers_agree(scene: Scene, seed: int) -> None:
    """Each meets the failing visitor by itself, or is told; one of them takes it back while the other loads what it did meanwhile."""
    chance = random.Random(seed)
    name = await scene.world(events=60, pieces=6, seed=seed)
    consumers = [await scene.begin(SharedRefresher, f"scratch_{each}") for each in "ab"]
    one = scene.coming()[0]
    scene.warehouse.faults = [Fault(SUBJECT, "30_sessions", one)]

    async def deliver(refresher: Refresher) -> None:
        scene.pipeline._refreshers["standard"] = refresher, RULES
        scene.warehouse.refresher = refresher
        await scene.deliver()

    for refresher in consumers:
        await deliver(refresher)
    await deliver(consumers[0])
    assert [key for _, key, _, _ in await scene.aside()] == [one]
    assert list(consumers[0].aside.entries) == [("subject", f"{name}.0", one)]
    scene.warehouse.faults = []
    first, second = chance.sample(consumers, 2)
    scene.later(LONGEST_WAIT_US)
    await deliver(second) if seed else await asyncio.sleep(0)
    first.aside.hurry()
    await deliver(first)
    assert await scene.aside() == []
    await deliver(second)
    assert not second.aside.entries
    while scene.pieces:
        await deliver(first)
    for refresher in consumers:
        scene.warehouse.refresher = refresher
        await scene.refresh()
    await scene.equal(name)
