"""Random histories of one log, reopened now and then, against a model of a few lists."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from eventlog.contract import Log, Position, Reader, Record, Stored
from tests.contracts.log_backends import FACTORIES, Backend

PARTITIONS = 2
FOREVER_S = 1e6
FETCHES_AHEAD = {"kafka"}
EXAMPLES = {"kafka": 5}  # every step is a round trip to a broker
RECORDS = st.lists(st.tuples(st.binary(max_size=2), st.binary(max_size=9)), min_size=1, max_size=5)


class LogHistory(RuleBasedStateMachine):
    backend_name = "embedded"

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.backend = Backend(self.backend_name, self.place)
        self.model: dict[int, list[tuple[bytes, bytes]]] = {p: [] for p in range(PARTITIONS)}
        self.commits = dict.fromkeys(range(PARTITIONS), 0)
        self.kept = dict.fromkeys(range(PARTITIONS), 0)
        self.places: dict[int, int] = {}

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    @initialize()
    def open(self) -> None:
        async def opened() -> tuple[Log, Reader]:
            log = await self.backend.open(PARTITIONS)
            return log, await log.reader("g")

        self.log, self.reader = self.run(opened())
        self.places = dict(self.commits)

    @rule()
    def reopen(self) -> None:
        self.run(self.log.close())
        self.open()

    @rule(groups=st.lists(RECORDS, min_size=1, max_size=4))
    def append_at_once(self, groups: list[list[tuple[bytes, bytes]]]) -> None:
        async def appended() -> list[list[Position]]:
            return await asyncio.gather(*(self.log.append([Record(*r) for r in group]) for group in groups))

        placed = [
            pair for group, at in zip(groups, self.run(appended()), strict=True) for pair in zip(at, group, strict=True)
        ]
        for position, record in sorted(placed):
            assert position.offset == len(self.model[position.partition])
            self.model[position.partition].append(record)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        partition = data.draw(st.integers(0, PARTITIONS - 1))
        offset = data.draw(st.integers(0, len(self.model[partition])))
        self.run(self.reader.commit({partition: offset}))
        self.commits[partition] = max(self.commits[partition], offset)

    @rule(data=st.data())
    def seek(self, data: st.DataObject) -> None:
        partition = data.draw(st.integers(0, PARTITIONS - 1))
        offset = data.draw(st.integers(0, len(self.model[partition])))
        self.run(self.reader.seek(partition, offset))
        self.places[partition] = offset

    @rule(records_max=st.integers(1, 7), bytes_max=st.integers(1, 60))
    def read(self, records_max: int, bytes_max: int) -> None:
        found = self.run(self.reader.read(records_max, bytes_max, 0.0)).records
        assert len(found) <= records_max
        if not found:
            assert all(self.start(p) == len(self.model[p]) for p in self.model)
        for record in found:
            partition = record.position.partition
            # Kafka's client may hand out what it had fetched before it was dropped
            ahead = {self.places[partition]} if self.backend_name in FETCHES_AHEAD else set()
            assert record.position.offset in {self.start(partition)} | ahead
            self.check(record)
            self.places[partition] = record.position.offset + 1

    @rule(age_max_s=st.sampled_from([-60.0, FOREVER_S]), bytes_max=st.sampled_from([0, 1 << 40]))
    def retain(self, age_max_s: float, bytes_max: int) -> None:
        dropped = self.run(self.log.retain(age_max_s, bytes_max, ["g"]))
        before = sum(self.kept.values())
        for partition in self.model:
            found = self.run(self.log.read_from(partition, 0, 1, 1))
            first = found[0].position.offset if found else len(self.model[partition])
            assert self.kept[partition] <= first <= max(self.commits[partition], self.kept[partition])
            self.kept[partition] = first
        assert sum(self.kept.values()) - before == dropped
        assert dropped == 0 or age_max_s < 0 or bytes_max == 0

    @invariant()
    def ends_and_commits_are_the_models(self) -> None:
        if self.places:
            assert self.run(self.log.ends()) == {p: len(records) for p, records in self.model.items()}
            assert self.run(self.log.committed("g")) == self.commits

    def start(self, partition: int) -> int:
        return max(self.places[partition], self.kept[partition])

    def check(self, record: Stored) -> None:
        assert (record.key, record.value) == self.model[record.position.partition][record.position.offset]

    def teardown(self) -> None:
        for partition, kept in self.kept.items():
            found = self.run(self.log.read_from(partition, 0, 10_000, 1 << 20))
            assert [record.position.offset for record in found] == list(range(kept, len(self.model[partition])))
            for record in found:
                self.check(record)
        self.run(self.log.close())
        self.runner.close()
        shutil.rmtree(self.place)


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_histories(name: str) -> None:
    machine = type("History", (LogHistory,), {"backend_name": name})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=EXAMPLES.get(name, 30), stateful_step_count=25, deadline=None)
    )
