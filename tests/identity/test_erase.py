"""Erasure: the tables are those of the facts that remain, what was erased stays out, and a crash leaves nothing half done."""

from __future__ import annotations

import json
import random
from pprint import pformat
from typing import Any

import pytest

from consumers.clock import now_us
from consumers.enrich.identifiers import hash_email, hash_phone
from consumers.identity.bad import Names
from consumers.identity.erased import bad_fingerprint, fingerprint
from consumers.identity.performing import Performer
from consumers.identity.requests import Erase, Unlink
from consumers.refresh.refresher import Refresher
from eventlog.contract import Stored
from schemas.record import Accepted, Bad
from tests.identity.worlds import worlds
from tests.model.driver import Driver
from tests.model.engine import Pipeline, difference
from tests.model.packs import LONG, Crash, Mortal, collect
from tests.model.worlds import cut, records

HISTORIES = 200 if LONG else 4
WHO = ("user_id:u1", "user_id:u2", f"email:{hash_email('a@example.com')}", "visitor_id:v1", "crm_id:c1", "telegram:t1")


def test_the_tables_are_those_of_the_facts_that_remain(driver: Driver) -> None:
    for number, world in enumerate(collect(worlds(), HISTORIES)):
        driver.run(erased_world(driver.pipeline, world, number))


async def erased_world(pipeline: Pipeline, world: list[Any], number: int) -> None:
    chance = random.Random(number)
    await pipeline.empty()
    name = await pipeline.name()
    batches = [
        [pipeline.stored(one, chance.randrange(3)) for one in batch] for batch in cut(records(world, name), chance)
    ]
    for batch in batches:
        await pipeline.deliver(batch, chance, "standard")
    sent = [one for batch in batches for one in batch]
    person = chance.choice(WHO)
    done = await pipeline.perform(Erase(site=f"{name}.0", person_id=person))
    remaining = await left(pipeline, sent)
    assert len(sent) - len(remaining) == done.count
    expected = pipeline.model(remaining, "standard")
    found = await pipeline.tables(name)
    # others' events no longer name the person's identifiers; the model reads them from the log, where they still do
    if not await scrubbed(pipeline, remaining) and (differing := difference(found, expected)):
        pytest.fail(pformat((person, differing), width=160))
    for batch in batches:  # read from the log again, at the same places or at others
        await pipeline.deliver([one for one in batch if one not in remaining], chance, "standard")
    await pipeline.deliver([pipeline.again(one) for one in sent if one not in remaining], chance, "standard")
    assert len(await left(pipeline, sent)) == len(remaining)
    assert difference(await pipeline.tables(name), found) == {}


async def left(pipeline: Pipeline, sent: list[Stored]) -> list[Stored]:
    rows = await pipeline.warehouse.rows("SELECT log_gen, log_part, log_off FROM events")
    places = {tuple(row) for row in rows}
    return [one for one in sent if (one.position.generation, one.position.partition, one.position.offset) in places]


async def scrubbed(pipeline: Pipeline, remaining: list[Stored]) -> bool:
    """Whether an event of somebody else named an identifier that went."""
    told = {row["log_off"]: (row["identifiers"], row["user_id"]) for row in pipeline.rows_of(remaining)}
    held = await pipeline.warehouse.rows("SELECT log_off, identifiers, user_id FROM events")
    return any((dict(identifiers), user) != told[place] for place, identifiers, user in held if place in told)


def event(site: str, number: int, **told: Any) -> Accepted:
    at = 1_772_495_400_000 + number * 60_000
    visitor = told.pop("visitor", "")
    body = {"type": "page", "created_at": at, **told}
    return Accepted(
        site=site, received_at=at + 5, event_id=f"e{number}", visitor_id=visitor, event=json.dumps(body).encode()
    )


def history(site: str) -> list[Accepted]:
    return [
        event(site, 0, visitor="laptop-x"),
        event(site, 1, visitor="laptop-x", user_id="dana-x", email="dana-x@example.com"),
        event(site, 2, visitor="laptop-x", type="conversion", order={"id": f"{site}-o", "value": 5}),
        event(site, 3, visitor="tablet-x", user_id="dana-x"),
        event(site, 4, visitor="tablet-x", user_id="yoav-x"),
    ]


@pytest.mark.parametrize("statements", [5, 15, 60, 160, 185, 200, 212])
def test_an_erasure_cut_short_is_brought_to_its_end(driver: Driver, statements: int) -> None:
    driver.run(cut_short(driver.pipeline, statements))


async def cut_short(pipeline: Pipeline, statements: int) -> None:
    await pipeline.empty()
    site = f"{await pipeline.name()}.0"
    await pipeline.deliver([pipeline.stored(one, 0) for one in history(site)], random.Random(1), "standard")
    await pipeline.merges("START")
    mortal = Mortal(pipeline.warehouse, 1_000)
    rules, database = pipeline.rules, pipeline.warehouse.database
    first = Refresher(mortal, rules, "scratch_cut", database, now_us)
    try:
        await first.prepare()
        mortal.left = statements
        await Performer(mortal, first, now_us).perform(Erase(site=site, person_id="user_id:dana-x"))
    except Crash:
        pass
    second = Refresher(pipeline.warehouse, rules, "scratch_cut", database, now_us)
    await second.prepare()
    performer = Performer(pipeline.warehouse, second, now_us)
    await performer.resume()
    if statements < 10:  # it had not even begun
        await performer.perform(Erase(site=site, person_id="user_id:dana-x"))
    await pipeline.merges("STOP")
    for table, count in await pipeline.knowing(site, "dana-x", "laptop-x"):
        # what the consumer before holds in memory is gone with it
        assert count == 0 or table.startswith("scratch_standard."), f"{table} still knows the person"
    owners = await pipeline.warehouse.rows("SELECT person_id FROM v_events WHERE site = {site:String}", {"site": site})
    assert owners == [("user_id:yoav-x",)]
    assert (await pipeline.warehouse.rows("SELECT count() FROM erasing"))[0][0] == 0


def test_what_was_refused_goes_with_the_last_who_said_it(driver: Driver) -> None:
    driver.run(refused_ones(driver.pipeline))


async def refused_ones(pipeline: Pipeline) -> None:
    await pipeline.empty()
    site = f"{await pipeline.name()}.0"
    sent = [
        event(site, 0, visitor="laptop-x", user_id="dana-x", email="test@test.com", phone="000"),
        event(site, 1, visitor="laptop-x", user_id="dana-x", identifiers={"crm_id": "null"}),
        event(site, 2, visitor="tablet-x", user_id="yoav-x", identifiers={"crm_id": "null"}),
        event(site, 3, identifiers={"crm_id": "none"}),
    ]
    refused = "SELECT id_type, id_value FROM identity_quarantine FINAL WHERE site = {site:String} AND rule = 'blocked' ORDER BY ALL"
    await pipeline.deliver([pipeline.stored(one, 0) for one in sent], random.Random(1), "standard")
    before = await pipeline.warehouse.rows(refused, {"site": site})
    assert {("email", hash_email("test@test.com")), ("crm_id", "null"), ("crm_id", "none")} <= set(before)
    await pipeline.perform(Erase(site=site, person_id="user_id:dana-x"))
    assert await pipeline.warehouse.rows(refused, {"site": site}) == [("crm_id", "none"), ("crm_id", "null")]


EVENTS = "SELECT event_id, user_id, person_id FROM v_events WHERE site = {site:String} ORDER BY event_id"


async def delivered(pipeline: Pipeline, sent: list[tuple[int, dict[str, Any]]]) -> str:
    """A site with these events."""
    await pipeline.empty()
    site = f"{await pipeline.name()}.0"
    await pipeline.deliver(
        [pipeline.stored(event(site, number, **told), 0) for number, told in sent], random.Random(1), "standard"
    )
    return site


def test_who_was_unlinked_does_not_come_back_by_being_erased(driver: Driver) -> None:
    driver.run(unlinked_then_erased(driver.pipeline))


async def unlinked_then_erased(pipeline: Pipeline) -> None:
    site = await delivered(pipeline, [
        (0, {"visitor": "tab", "user_id": "dana", "type": "identify"}), (1, {"visitor": "tab"}),
        (2, {"visitor": "tab", "user_id": "yoav", "type": "identify"}),
        (3, {"user_id": "dana", "type": "conversion", "order": {"id": "o", "value": 5}}),
    ])  # fmt: skip
    await pipeline.perform(Unlink(site=site, one=("visitor_id", "tab"), other=("user_id", "dana")))
    assert (await pipeline.perform(Erase(site=site, person_id="user_id:dana"))).count == 1
    yoav = [("e0", "", "user_id:yoav"), ("e1", "", "user_id:yoav"), ("e2", "yoav", "user_id:yoav")]
    assert await pipeline.warehouse.rows(EVENTS, {"site": site}) == yoav
    for table, count in await pipeline.knowing(site, "dana"):
        assert count == 0 or table.startswith("scratch_standard."), f"{table} still knows the person"


def test_an_account_whose_links_were_all_taken_back_is_erased(driver: Driver) -> None:
    driver.run(without_links(driver.pipeline))


async def without_links(pipeline: Pipeline) -> None:
    site = await delivered(pipeline, [(0, {"visitor": "tab", "user_id": "anna", "type": "identify"})])
    await pipeline.perform(Unlink(site=site, event_id="e0"))
    assert not (await pipeline.perform(Erase(site=site, person_id="user_id:anna"))).error
    assert await pipeline.warehouse.rows(EVENTS, {"site": site}) == [("e0", "", "visitor_id:tab")]
    for table, count in await pipeline.knowing(site, "anna"):
        assert count == 0 or table.startswith("scratch_standard."), f"{table} still knows the person"


def test_another_persons_event_of_the_same_id_stays(driver: Driver) -> None:
    driver.run(of_one_id(driver.pipeline))


async def of_one_id(pipeline: Pipeline) -> None:
    order = {"type": "conversion", "event_id": "same"}
    site = await delivered(pipeline, [
        (0, {**order, "email": "ea@example.com", "order": {"id": "ea", "value": 1}}),
        (0, {**order, "email": "eb@example.com", "order": {"id": "eb", "value": 2}}),
    ])  # fmt: skip
    one, other = (f"email:{hash_email(f'{name}@example.com')}" for name in ("ea", "eb"))
    assert (await pipeline.perform(Erase(site=site, person_id=one))).count == 1
    assert [row[2] for row in await pipeline.warehouse.rows(EVENTS, {"site": site})] == [other]


def test_the_retraction_of_anothers_event_of_the_same_id_stays(driver: Driver) -> None:
    driver.run(retraction_stays(driver.pipeline))


async def retraction_stays(pipeline: Pipeline) -> None:
    site = await delivered(pipeline, [
        (0, {"visitor": "ra", "user_id": "anna", "type": "identify"}),
        (0, {"visitor": "rb", "user_id": "ben", "type": "identify"}),
        (1, {"visitor": "rb"}),
    ])  # fmt: skip
    await pipeline.perform(Unlink(site=site, event_id="e0"))
    await pipeline.perform(Erase(site=site, person_id="visitor_id:ra"))
    left = [("e0", "ben", "visitor_id:rb"), ("e1", "", "visitor_id:rb")]
    assert await pipeline.warehouse.rows(EVENTS, {"site": site}) == left
    await pipeline.perform(Erase(site=site, person_id="visitor_id:rb"))
    assert await pipeline.warehouse.rows("SELECT count() FROM identity_retractions") == [(0,)]


def test_an_identifier_of_somebody_is_no_person_to_erase(driver: Driver) -> None:
    driver.run(no_person(driver.pipeline))


async def no_person(pipeline: Pipeline) -> None:
    await pipeline.empty()
    site = f"{await pipeline.name()}.0"
    sent = [pipeline.stored(one, 0) for one in history(site)]
    await pipeline.deliver(sent, random.Random(1), "standard")
    done = await pipeline.perform(Erase(site=site, person_id=f"email:{hash_email('dana-x@example.com')}"))
    assert done.error
    assert "user_id:dana-x" in done.hint
    unknown = await pipeline.perform(Erase(site=site, person_id="user_id:nobody"))
    assert (unknown.error, unknown.count) == ("", 0)
    assert "nothing to erase" in unknown.hint
    assert len(await left(pipeline, sent)) == len(sent)


def test_bad_events_that_name_the_person_go_and_stay_out(driver: Driver) -> None:
    driver.run(bad_ones(driver.pipeline))


async def bad_ones(pipeline: Pipeline) -> None:
    await pipeline.empty()
    site = f"{await pipeline.name()}.0"
    payloads = (
        b'{"type": "?", "email": "Dana-X@example.com"}',
        b'{"user_id": "dana-x", "type"',
        b'{"user_id": "dana-x2", "type"',
    )
    bad = [
        Bad(site=site, received_at=1_772_495_400_000, code="unreadable", payload=text, message="") for text in payloads
    ]
    sent = [pipeline.stored(one, 0) for one in [*history(site), *bad]]
    await pipeline.deliver(sent, random.Random(1), "standard")
    await pipeline.perform(Erase(site=site, person_id="user_id:dana-x"))
    await pipeline.deliver(sent[-3:-1], random.Random(1), "standard")
    rows = await pipeline.warehouse.rows(
        "SELECT DISTINCT payload FROM bad_events WHERE site = {site:String}", {"site": site}
    )
    assert rows == [('{"user_id": "dana-x2", "type"',)]


OWN = [("user_id", "dana"), ("email", hash_email("dana@example.com")), ("phone", hash_phone("050-111-2222"))]


@pytest.mark.parametrize(
    ("payload", "is_named"),
    [
        ('{"user_id":"dana"}', True), ('{"user_id":"dana2"}', False), ('{"user_id":"dan"}', False), ('{"e":" Dana@Example.com "}', True),
        ('{"e":"dana@example.org"}', False), ('{"p":"+972 50-111-2222"}', True), ('{"p":"050-111-2223"}', False),
        (json.dumps({"email": hash_email("dana@example.com")}), True), ("", False),
    ],
)  # fmt: skip
def test_what_a_payload_names(payload: str, *, is_named: bool) -> None:
    assert Names(OWN).stand_in(payload) is is_named


def test_a_payload_is_looked_at_in_one_pass() -> None:
    """An image as base64 in an event that was refused for it: an address that might begin at any of its letters would take hours."""
    image = "iVBORw0KGgo" * 100_000
    devices = [("visitor_id", f"device-{number}") for number in range(2_000)]
    assert not Names([*OWN, *devices]).stand_in(f'{{"image": "{image}", "device": "device-2000"}}')
    assert Names([*OWN, *devices]).stand_in(f'{{"image": "{image}", "device": "my-device-7", "was": "device-7"}}')
    assert Names(OWN).stand_in(f'{{"image": "{image}", "by": "<dana@example.com>"}}')


def test_a_payloads_national_number_is_of_the_sites_country() -> None:
    own = [("phone", hash_phone("+447911123456"))]
    assert Names(own, "GB").stand_in('{"phone": "07911 123456"}')
    assert not Names(own).stand_in('{"phone": "07911 123456"}')


def test_a_payloads_number_may_have_an_extension() -> None:
    payload = '{"phone": "+1 202-555-0143 x7"}'
    assert Names([("phone", hash_phone("+12025550143;ext=7"))]).stand_in(payload)
    assert Names([("phone", hash_phone("+12025550143"))]).stand_in(payload)
    assert not Names([("phone", hash_phone("+12025550143;ext=8"))]).stand_in(payload)


def test_fingerprints_tell_events_apart() -> None:
    some = [fingerprint("s", "v", "e"), fingerprint("s", "ve", ""), fingerprint("sv", "", "e"), fingerprint("s", "v", "e2"),
            bad_fingerprint((1, 2, 3)), bad_fingerprint((1, 23, 0))]  # fmt: skip
    assert len(set(some)) == len(some)
    assert all(0 <= one < 2**64 for one in some)
