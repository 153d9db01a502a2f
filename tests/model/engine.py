"""The real pipeline in the real embedded engine, driven batch by batch; and its tables read as the model writes them."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from consumers.clock import now_us
from consumers.enrich.facts import Facts, enrich, facts_of
from consumers.identity.erased import Erased, Fingerprints
from consumers.identity.performing import Performer
from consumers.identity.requests import Done, Request
from consumers.load import Loader, load_of
from consumers.lookups import make_lookups
from consumers.preparer import prepare
from consumers.rebuild import TABLES, rebuild
from consumers.refresh.refresher import Refresher
from consumers.rules.files import Rules, load
from consumers.tables import prepare_tables
from consumers.warehouse.contract import Warehouse
from consumers.warehouse.embedded import EmbeddedWarehouse, open_embedded
from eventlog.contract import Position, Stored
from schemas.record import Accepted, Bad, decode, encode
from tests.model.derive import Row, Tables, derive
from tests.model.facts import unique
from tests.model.identities import Persons, Retraction

COLUMNS: dict[str, tuple[str, ...]] = {table: tuple(text.split()) for table, text in {
    "event_duplicates": "site subject event_id log_gen log_part log_off",
    "identities": "site id_type id_value person_id shared owned_from owners first_seen last_seen "
    "neighbours suppressed",
    "identity_quarantine": "site id_type id_value rule event_id evidence first_seen",
    "sessions": "site subject started_at ended_at session_id person_id events pageviews engaged entry_url exit_url referrer node "
    "channel source medium campaign content term click_id_type country device_type is_bot touches continuity client_sessions",
    "touchpoints": "site subject ts touchpoint_id person_id session_id kind node channel source medium campaign content term "
    "creative cost client_session",
    "touch_sessions": "site person_id touchpoint_id session_id",
    "conversions": "site person_id conversion_id ts visitor_id session_id name order_id value refunded currency reported_by",
    "conversion_paths": "site person_id conversion_id converted_at name value currency number touches path_channels path_nodes "
    "path_sources path_mediums path_campaigns path_kinds path_ts path_touchpoint_ids first_touch_at seconds_to_convert devices",
    "open_paths": "site person_id touches path_channels path_ts last_touch_at stage",
    "v_events": "site event_id visitor_id person_id session_id ts type",
    "v_touchpoints": "site touchpoint_id person_id visitor_id session_id ts kind channel",
}.items()}  # fmt: skip
COLUMNS = {
    table: columns if table.startswith("v_") else (*columns, "rules_version") for table, columns in COLUMNS.items()
}
TIMES = {"ts", "started_at", "ended_at", "first_seen", "last_seen", "converted_at", "first_touch_at", "last_touch_at"}
FACTS = ("events", "identity_links", "identity_retractions", "bad_events", "erased", "erasing", "erasures")
# Merges are off, so that every table stays in many parts; when there are this many worlds they begin anew.
WORLDS_MAX = 40


class Pipeline:
    """One engine for many worlds; each world has sites of its own."""

    def __init__(self, warehouse: EmbeddedWarehouse, rules: Rules) -> None:
        self.warehouse, self.rules = warehouse, rules
        self.lookups = make_lookups()
        self.loader = Loader(warehouse, asyncio.sleep)
        self.erased = Erased(warehouse)
        self._refreshers: dict[str, tuple[Refresher, Rules]] = {}
        self._offsets = itertools.count()
        self._worlds = itertools.count(1)
        self.delivered: list[Stored] = []  # since the last new name

    async def start(self) -> None:
        await prepare_tables(self.warehouse, self.rules)
        await self.merges("STOP")
        await self.use("standard", self.rules)

    async def use(self, variant: str, rules: Rules) -> None:
        """Make a refresher that works under these rules."""
        refresher = Refresher(
            self.warehouse, rules, f"scratch_{variant.replace(' ', '_')}", self.warehouse.database, now_us
        )
        await refresher.prepare()
        self._refreshers[variant] = refresher, rules

    def rules_of(self, variant: str) -> Rules:
        """The rules of a variant."""
        return self._refreshers[variant][1]

    def loader_through(self, warehouse: Warehouse) -> Loader:
        """A loader of a consumer that sees the warehouse so."""
        return Loader(warehouse, asyncio.sleep)

    async def name(self) -> str:
        """The name of a new world."""
        number = next(self._worlds)
        self.delivered = []
        if number % WORLDS_MAX == 0:
            await self.empty()
        return f"w{number}"

    async def empty(self) -> None:
        """Forget all worlds."""
        for table in (*FACTS, *TABLES):
            await self.warehouse.command(f"TRUNCATE TABLE {table}")

    async def stream(
        self,
        batches: list[list[Accepted]],
        chance: random.Random,
        variant: str = "standard",
        retractions: Iterable[Retraction] = (),
    ) -> Tables:
        """Deliver these batches; what the model says of them then, without the links that are taken back."""
        stored = []
        for records in batches:
            batch = [self.stored(record, chance.randrange(3)) for record in records]
            await self.deliver(batch, chance, variant)
            stored += batch
        self.delivered += stored
        return self.model(stored, variant, retractions)

    def again(self, one: Stored) -> Stored:
        """The same record at another place in the log: its sender sent it again."""
        return Stored(Position(1, one.position.partition, next(self._offsets)), b"", one.value, 0)

    async def deliver_all(self, batches: list[list[Accepted]]) -> int:
        """Deliver batches once each; how many identifiers the last one's refresh looked at."""
        for records in batches:
            await self.deliver([self.stored(record, 0) for record in records], random.Random(1), "standard")
        return int((await self.warehouse.rows("SELECT uniqExact(id_type, id_value) FROM scratch_standard.todo"))[0][0])

    def stored(self, record: Accepted | Bad, partition: int) -> Stored:
        return Stored(Position(1, partition, next(self._offsets)), b"", encode(record), 0)

    async def deliver(self, batch: list[Stored], chance: random.Random, variant: str) -> None:
        """One batch, as the consumer's loop does it; sometimes links and marks come twice, as after a crash."""
        refresher = self._refreshers[variant][0]
        erased = Fingerprints(await self.erased.packed())
        load = prepare(batch, self.lookups, erased)
        await refresher.mark(load.dirty)
        if chance.random() < 0.2:
            facts = facts_of(batch, self.lookups, erased)
            await self.loader.insert(load_of(Facts(links=facts.links, bad=facts.bad), {}, 0))
        await self.loader.insert(load)
        cycle = refresher.turn()
        await refresher.refresh(cycle)
        if chance.random() < 0.1:
            await refresher.refresh(cycle)
        await refresher.clear(cycle)

    async def perform(self, asked: Request) -> Done:
        """An operation on the tables, with the standard refresher."""
        # mutations are the merges' work
        await self.merges("START")
        try:
            return await Performer(self.warehouse, self._refreshers["standard"][0], now_us).perform(asked)
        finally:
            await self.merges("STOP")

    async def merges(self, verb: str) -> None:
        """START or STOP them."""
        for table in (*FACTS, *TABLES):
            await self.warehouse.command(f"SYSTEM {verb} MERGES {table}")

    def model(self, stored: list[Stored], variant: str, retractions: Iterable[Retraction] = ()) -> Tables:
        """What the reference model derives of these log records."""
        return derive(self.rows_of(stored), self._refreshers[variant][1], retractions)

    def persons(self, stored: list[Stored], retractions: Iterable[Retraction] = ()) -> Persons:
        """Who is who in these log records, says the reference model."""
        return Persons(unique(self.rows_of(stored))[0], self.rules.identity, retractions)

    def rows_of(self, stored: list[Stored]) -> list[Row]:
        """The facts of these log records."""
        return [
            enrich(record, one.position, self.lookups)
            for one in stored
            if isinstance(record := decode(one.value), Accepted)
        ]

    async def knowing(self, site: str, *values: str) -> list[tuple[str, int]]:
        """Every table that holds anything of a site, the working ones too: (table, rows that hold one of these texts)."""
        rows = await self.warehouse.rows(
            "SELECT DISTINCT c.database, c.table FROM system.columns AS c INNER JOIN system.tables AS t "
            "ON t.database = c.database AND t.name = c.table "
            "WHERE c.name = 'site' AND t.engine NOT LIKE '%View' AND c.database NOT IN ('system', 'information_schema')"
        )
        found = []
        for database, table in rows:
            sql = (
                f"SELECT count() FROM {database}.{table} AS t WHERE site = {{site:String}} "
                "AND arrayExists(v -> position(toString(tuple(t.*)), v) > 0, {values:Array(String)})"
            )
            [(count,)] = await self.warehouse.rows(sql, {"site": site, "values": list(values)})
            found.append((f"{database}.{table}", int(count)))
        return found

    async def rebuild(self) -> None:
        await rebuild(self.warehouse, self.rules, now_us)
        for table in TABLES:
            await self.warehouse.command(f"SYSTEM STOP MERGES {table}")

    async def tables(self, world: str) -> Tables:
        """The derived tables of a world, with the columns the model has."""
        return await read_tables(self.warehouse, f"{world}.")


@contextmanager
def running(folder: Path) -> Iterator[tuple[asyncio.Runner, Pipeline]]:
    """A pipeline under the rules that are delivered, and what runs it."""
    with asyncio.Runner() as runner:
        warehouse = runner.run(open_embedded(folder / "warehouse"))
        try:
            pipeline = Pipeline(warehouse, load())
            runner.run(pipeline.start())
            yield runner, pipeline
        finally:
            runner.run(warehouse.close())


async def read_tables(warehouse: EmbeddedWarehouse, sites: str) -> Tables:
    """The derived tables of all sites whose name begins so."""
    found: Tables = {}
    for table, columns in COLUMNS.items():
        listed = ", ".join(_select(column) for column in columns)
        final = "" if table.startswith("v_") else "FINAL"
        sql = f"SELECT {listed} FROM {table} {final} WHERE startsWith(site, {{sites:String}})"
        rows = await warehouse.rows(sql, {"sites": sites})
        found[table] = [dict(zip(columns, row, strict=True)) for row in rows]
    return found


def _select(column: str) -> str:
    if column == "path_ts":
        return "arrayMap(t -> toUnixTimestamp64Milli(t), path_ts)"
    return f"toUnixTimestamp64Milli({column})" if column in TIMES else column


def _plain(value: Any) -> Any:
    return (
        value.normalize() + 0
        if isinstance(value, Decimal)
        else list(value)
        if isinstance(value, (tuple, list))
        else value
    )


def canonical(rows: list[Row]) -> list[list[tuple[str, Any]]]:
    """Rows in an order of their own, so that two tables can be compared."""
    return sorted(([(name, _plain(row[name])) for name in sorted(row)] for row in rows), key=repr)


def without_views(tables: Tables) -> Tables:
    """For tables under other rules: views stand under the rules in force."""
    return {table: rows for table, rows in tables.items() if not table.startswith("v_")}


def difference(found: Tables, expected: Tables) -> dict[str, Any]:
    """What differs, table by table: (rows only found, rows only expected). Empty when all is equal."""
    differing = {}
    for table, rows in expected.items():
        left, right = canonical(found[table]), canonical(rows)
        if left != right:
            mine, theirs = {repr(row) for row in left}, {repr(row) for row in right}
            differing[table] = sorted(mine - theirs)[:5], sorted(theirs - mine)[:5], len(left), len(right)
    return differing
