"""Attacks and accidents: ten thousand users with one phone number, fifty at a kiosk, blanks everywhere. Nobody is joined."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

from schemas.record import Accepted
from tests.model.driver import Driver

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


def test_blanks_join_nobody(driver: Driver) -> None:
    name = driver.name()
    blanks = ("null", "NULL", " undefined ", "None", "anonymous", "0", "0000-0000", "[object Object]", "NaN")
    events = []
    for number, blank in enumerate(blanks):
        for field in ("email", "user_id", "phone"):
            if field == "email" and blank.startswith("0000"):
                continue  # zeros of any length are a pattern, and an address is known by its hash only
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
