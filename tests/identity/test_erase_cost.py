"""What an erasure costs the engine: few mutations, none for nothing, one erasure for several persons; and nothing of them is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from consumers.clock import now_us
from consumers.identity.performing import Performer
from consumers.identity.places import PLACES_MAX, at_places
from consumers.identity.requests import Erase
from consumers.refresh.refresher import Refresher
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.passing import PassingWarehouse
from tests.identity.test_erase import EVENTS, delivered
from tests.model.driver import Driver
from tests.model.engine import Pipeline


def test_a_table_that_holds_nothing_of_the_person_is_left_alone(driver: Driver) -> None:
    driver.run(left_alone(driver.pipeline))


class Mutations(PassingWarehouse):
    """Writes down which tables' rows were changed."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.of: list[str] = []

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        if sql.startswith("ALTER TABLE "):
            self.of.append(sql.split()[2])
        await super().command(sql, parameters)


async def left_alone(pipeline: Pipeline) -> None:
    site = await delivered(
        pipeline, [(number, {"visitor": "tab", "user_id": "dana"}) for number in range(30)] + [(40, {"visitor": "v"})]
    )
    await pipeline.merges("START")
    mutations = Mutations(pipeline.warehouse)
    refresher = Refresher(mutations, pipeline.rules, "scratch_alone", mutations.database, now_us)
    await refresher.prepare()
    done = await Performer(mutations, refresher, now_us).perform(Erase(site=site, person_id="user_id:dana"))
    await pipeline.merges("STOP")
    assert done.count == 30
    changed = {table for table in mutations.of if not table.startswith("scratch_")}
    assert changed == {
        "events", "identity_links", "sessions", "touchpoints", "identities", "identity_owners", "open_paths", "person_subjects",
        "erasing",
    }  # fmt: skip
    assert [mutations.of.count(table) for table in ("events", "identity_links")] == [1, 1]
    assert await pipeline.warehouse.rows(EVENTS, {"site": site}) == [("e40", "", "visitor_id:v")]


def test_the_engine_keeps_no_mutation_that_names_the_person(driver: Driver) -> None:
    driver.run(mutations_forgotten(driver.pipeline))


async def mutations_forgotten(pipeline: Pipeline) -> None:
    """Their texts stand in files of their own, and by itself the engine keeps the last hundred of each table."""
    site = await delivered(pipeline, [(0, {"visitor": "tab-m", "user_id": "dana-m"}), (1, {"visitor": "v"})])
    assert (await pipeline.perform(Erase(site=site, person_id="user_id:dana-m"))).count == 1
    commands = await pipeline.warehouse.rows("SELECT command FROM system.mutations")
    [(folders,)] = await pipeline.warehouse.rows("SELECT groupArrayArray(data_paths) FROM system.tables")
    texts = mutation_texts(folders)
    assert commands
    assert texts
    assert not [text for text in (*texts, *(str(row[0]) for row in commands)) if "dana-m" in text or "tab-m" in text]


def mutation_texts(folders: Sequence[str]) -> list[str]:
    return [file.read_text() for folder in folders for file in Path(folder).glob("mutation_*.txt")]


def test_several_are_erased_as_one(driver: Driver) -> None:
    driver.run(several(driver.pipeline))


async def several(pipeline: Pipeline) -> None:
    """What only two of them shared goes too, as it does when one is erased after the other."""
    site = await delivered(pipeline, [
        (0, {"visitor": "tab", "user_id": "dana", "type": "identify"}), (1, {"visitor": "tab", "user_id": "yoav", "type": "identify"}),
        (2, {"visitor": "tab", "user_id": "yoav", "type": "conversion", "order": {"id": "o", "value": 5}}),
        (3, {"visitor": "pad", "user_id": "dana", "type": "identify"}), (4, {"visitor": "pad", "user_id": "noa", "type": "identify"}),
        (5, {"visitor": "noas", "user_id": "noa"}),
    ])  # fmt: skip
    refused = await pipeline.perform(
        Erase(site=site, person_id="user_id:dana", further=("user_id:yoav", "visitor_id:pad"))
    )
    assert refused.error.endswith("knows nobody called visitor_id:pad.")
    assert len(await pipeline.warehouse.rows(EVENTS, {"site": site})) == 6
    done = await pipeline.perform(
        Erase(site=site, person_id="user_id:dana", further=("user_id:yoav", "user_id:nobody"))
    )
    assert (done.count, done.hint) == (4, f"4 events removed. Nobody is known by user_id:nobody at site {site}.")
    left = [("e4", "noa", "user_id:noa"), ("e5", "noa", "user_id:noa")]
    assert await pipeline.warehouse.rows(EVENTS, {"site": site}) == left
    for table, count in await pipeline.knowing(site, "dana", "yoav", "tab"):
        assert count == 0 or table.startswith("scratch_"), f"{table} still knows them"


def test_a_condition_of_many_places_stays_short() -> None:
    places = [(1, number % 3, number) for number in range(2 * PLACES_MAX + 1)]
    conditions = list(at_places(places))
    assert len(conditions) == 3
    named = [
        (1, int(name.rpartition("_")[2]), off)
        for _, bound in conditions
        for name, offs in bound.items()
        for off in offs
    ]
    assert sorted(named) == sorted(places)
    assert all(len(condition) < 300 for condition, _ in conditions)
