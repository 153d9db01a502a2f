"""Attacks and accidents: ten thousand users with one phone number, fifty at a kiosk, blanks everywhere. Nobody is joined."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from consumers.enrich.identifiers import hash_email, hash_phone
from consumers.identity.requests import Unlink
from consumers.refresh.refresher import Refresher
from consumers.warehouse.embedded import EmbeddedWarehouse
from schemas.record import Accepted
from tests.model.driver import Driver
from tests.model.engine import difference
from tests.model.identities import Retraction

AT = 1_772_495_400_000
HUB = 10_000


def told(site: str, number: int, visitor: str = "", **event: Any) -> Accepted:
    body = {"type": "identify", "created_at": AT + number, **event}
    return Accepted(
        site=site,
        received_at=AT + number + 5,
        event_id=f"e{number}",
        visitor_id=visitor,
        event=json.dumps(body).encode(),
    )


def test_a_hub_of_ten_thousand_joins_nobody(driver: Driver) -> None:
    name = driver.name()
    users = [told(f"{name}.0", n, f"v{n}", user_id=f"u{n}", phone="0501112222") for n in range(HUB)]
    driver.deliver([users[: HUB // 2], users[HUB // 2 :]])
    site = {"site": f"{name}.0"}
    persons = driver.rows("SELECT person_id, count() FROM v_events WHERE site = {site:String} GROUP BY person_id", site)
    assert len(persons) == HUB
    assert {count for _, count in persons} == {1}
    [(refused,)] = driver.rows(
        "SELECT count() FROM v_identity_quarantine WHERE site = {site:String} AND rule = 'limit'", site
    )
    assert refused == 1
    looked_at = driver.deliver([[told(f"{name}.0", HUB, f"v{HUB}", user_id=f"u{HUB}", phone="0501112222")]])
    assert looked_at <= 10, "one more user of the hub concerns that user only"


def test_a_kiosk_joins_none_of_its_users(driver: Driver) -> None:
    name, chance = driver.name(), random.Random(3)
    events = [told(f"{name}.0", n, "kiosk", user_id=f"u{n % 50}") for n in range(500)]
    events += [told(f"{name}.0", 1_000 + n, f"home{n}", user_id=f"u{n}") for n in range(50)]
    chance.shuffle(events)
    driver.deliver([events[:200], events[200:]])
    rows = driver.rows("SELECT person_id FROM v_events WHERE site = {site:String}", {"site": f"{name}.0"})
    assert Counter(row[0] for row in rows) == {f"user_id:u{n}": 11 for n in range(50)}


def test_a_day_of_signing_in_and_out_is_looked_up_by_time(driver: Driver) -> None:
    """A till that five people sign in to and out of all day, and a card that five accounts take turns with: the whole history
    beside every event would be more than the engine's memory."""
    name, turns = driver.name(), 2_000
    site = f"{name}.0"
    events = []
    for n in range(turns):
        who, at = f"u{n % 5}", 10 * n
        events += [
            told(site, at, "till", user_id=who),
            told(site, at + 1, "till", type="conversion", name="purchase", order={"id": f"o{n}", "value": 1}),
            told(site, at + 2, "till", type="track", name="logged_out"),
            told(site, at + 3, "", user_id=who, identifiers={"crm_id": "card"}),
            told(site, at + 4, "box", identifiers={"crm_id": "card"}),
        ]
    driver.deliver([events[: turns // 2], events[turns // 2 :]])
    count = "SELECT visitor_id, person_id, count() FROM v_events WHERE site = {site:String} GROUP BY ALL"
    found = {(visitor, person): number for visitor, person, number in driver.rows(count, {"site": site})}
    of_one = turns // 5
    assert found == {(visitor, f"user_id:u{n}"): number for n in range(5)
                     for visitor, number in (("till", 3 * of_one), ("", of_one), ("box", of_one))}  # fmt: skip
    bought = "SELECT person_id, count() FROM v_conversions WHERE site = {site:String} GROUP BY person_id"
    assert dict(driver.rows(bought, {"site": site})) == {f"user_id:u{n}": of_one for n in range(5)}


def test_a_long_chain_is_not_walked_link_by_link(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was of one group is found at once: each further device, and each log-in of one, took a step for every link before it."""
    steps: list[str] = []
    derive = Refresher.derive

    async def counted(refresher: Refresher, name: str, bound: Mapping[str, int]) -> None:
        steps.append(name)
        await derive(refresher, name, bound)

    monkeypatch.setattr(Refresher, "derive", counted)
    name, chance = driver.name(), random.Random(5)
    site = f"{name}.0"
    chain = chained(site, 45)
    log_in = told(site, 90, "d030", user_id="dana")
    driver.stream(
        [chain[:20], chain[32:], chain[20:32], [log_in], [told(site, 91, "d045", type="track", name="logged_out")]],
        chance,
    )
    assert difference(driver.found(name), driver.model([])) == {}
    assert steps.count("14_identity_hop") <= 20
    cut = Unlink(site=site, one=("visitor_id", "d010"), other=("visitor_id", "d011"))
    driver.perform(cut)
    assert difference(driver.found(name), driver.model([Retraction(site, cut.one, cut.other)])) == {}


def chained(site: str, number: int) -> list[Accepted]:
    """Devices of which each is linked to the next."""
    return [told(site, n, f"d{n:03}", type="page", identifiers={"visitor_id": f"d{n + 1:03}"}) for n in range(number)]


def test_a_chain_of_too_many_devices_is_nobodys(driver: Driver) -> None:
    """Each further device copied the log-ins of all: a chain of 1,500 was more than the engine's memory. Each stands alone, and takes
    no others with it; a link taken back in the middle makes two groups of it."""
    name, chance = driver.name(), random.Random(7)
    site = f"{name}.0"
    chain = chained(site, 90)
    chance.shuffle(chain)
    log_ins = [told(site, 200 + n, f"d{10 * n:03}", user_id=f"u{n % 3}") for n in range(9)]
    driver.stream([chain[:40], [*chain[40:], *log_ins[:5]], log_ins[5:]], chance)
    assert difference(driver.found(name), driver.model([])) == {}
    crowded = "SELECT DISTINCT standing FROM v_identity_links WHERE site = {site:String} AND id_type = other_type"
    assert driver.rows(crowded, {"site": site}) == [("group",)]
    cut = Unlink(site=site, one=("visitor_id", "d045"), other=("visitor_id", "d046"))
    assert driver.perform(cut).count == 1
    assert difference(driver.found(name), driver.model([Retraction(site, cut.one, cut.other)])) == {}
    stand = "SELECT DISTINCT standing FROM v_identity_links WHERE site = {site:String} AND id_type = other_type ORDER BY standing"
    assert driver.rows(stand, {"site": site}) == [("stands",), ("taken back",)]


def test_what_links_too_many_devices_is_taken_back_at_once(driver: Driver) -> None:
    name = driver.name()
    site = f"{name}.0"
    driver.deliver([[*chained(site, 101), told(site, 200, "d000", user_id="dana")]])
    looked_at = driver.deliver([[told(site, 201, "d050", user_id="yoav")]])
    assert looked_at <= 4, "one of many that stand alone concerns no others"
    assert driver.perform(Unlink(site=site, rule="group")).count == 101
    refused = "SELECT count() FROM v_identity_quarantine WHERE site = {site:String} AND rule = 'group'"
    assert driver.rows(refused, {"site": site}) == [(0,)]
    owned = "SELECT count() FROM v_sessions WHERE site = {site:String} AND person_id = 'user_id:dana'"
    assert driver.rows(owned, {"site": site}) == [(1,)]


def test_all_that_a_rule_refused_is_taken_back_at_once(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    name, asked = driver.name(), []
    site = f"{name}.0"
    driver.deliver([[told(site, n, f"v{n // 2}", user_id=f"u{n}") for n in range(40)]])
    rows = EmbeddedWarehouse.rows

    async def counted(warehouse: EmbeddedWarehouse, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        asked.append("FROM identity_links" in sql and "event_id FROM" in sql)
        return await rows(warehouse, sql, parameters)

    monkeypatch.setattr(EmbeddedWarehouse, "rows", counted)
    assert driver.perform(Unlink(site=site, rule="shared")).count == 40
    assert sum(asked) == 1
    assert driver.perform(Unlink(site=site, rule="shared")).count == 0
    owned = "SELECT DISTINCT person_id = 'visitor_id:' || visitor_id FROM v_sessions WHERE site = {site:String}"
    assert driver.rows(owned, {"site": site}) == [(1,)]


def test_blanks_join_nobody(driver: Driver) -> None:
    name = driver.name()
    blanks = (
        "null", "NULL", " undefined ", "None", "anonymous", "0", "0000-0000", "[object Object]", "NaN", "NULL\t", "undefined\n",
        "Null\r\n", "\u00a0null", "\u2003None\u3000", "\u200fnull", "\ufeffnull", "\x85nil\x0b", "0000", "00000", "00-0000", "000000000000000",
    )  # fmt: skip
    events = []
    for number, blank in enumerate(blanks):
        for field in ("email", "user_id", "phone"):
            events.append(told(f"{name}.0", len(events), f"a{number}{field}", **{field: blank}))
            events.append(
                told(f"{name}.0", len(events), f"b{number}{field}", identifiers={"crm_id": blank}, **{field: blank})
            )
    driver.deliver([events])
    rows = driver.rows(
        "SELECT person_id, count() FROM v_events WHERE site = {site:String} GROUP BY person_id", {"site": f"{name}.0"}
    )
    assert {count for _, count in rows} == {1}
    assert len(rows) == len(events)
    assert all(person.startswith("visitor_id:") for person, _ in rows)
    refused = driver.rows(
        "SELECT id_type, id_value FROM v_identity_quarantine WHERE site = {site:String} AND rule = 'blocked'",
        {"site": f"{name}.0"},
    )
    said = {text.strip("\u200f\ufeff").strip() for text in blanks}
    assert {value for kind, value in refused if kind == "user_id"} == said
    assert {value for kind, value in refused if kind == "crm_id"} == said
    assert {value for kind, value in refused if kind == "email"} == {hash_email(text) for text in said}
    assert {value for kind, value in refused if kind == "phone"} == {hash_phone(text) for text in said}


def test_a_blocked_visitor_is_in_quarantine_where_nothing_else_is_told(driver: Driver) -> None:
    name = driver.name()
    driver.deliver([[told(f"{name}.0", n, "Undefined", type="page") for n in range(2)]])
    site = {"site": f"{name}.0"}
    persons = driver.rows("SELECT person_id FROM v_events WHERE site = {site:String} ORDER BY person_id", site)
    assert persons == [("event:e0",), ("event:e1",)]
    refused = driver.rows("SELECT id_type, id_value, rule FROM v_identity_quarantine WHERE site = {site:String}", site)
    assert refused == [("visitor_id", "Undefined", "blocked")]


@pytest.mark.parametrize(
    "zeros",
    ["0", "000", "0000000", "00-0000", "+000000000", "+1 000 000 0000", "+972 00 0000000", "(00) 000.00", "0" * 20],
)
def test_a_number_of_zeros_is_one_blocked_value_however_it_is_written(zeros: str) -> None:
    assert hash_phone(zeros) == hash_phone("0")
    assert hash_phone("050-000-0000") != hash_phone("0")
    assert hash_phone("+1 000 000 0001") != hash_phone("0")


@pytest.mark.parametrize("zeros", ["0", "0000", "00000-000", " 000 ", "+0"])
def test_an_address_of_zeros_is_one_blocked_value(zeros: str) -> None:
    assert hash_email(zeros) == hash_email("0")
    assert hash_email("0@example.com") != hash_email("0")
