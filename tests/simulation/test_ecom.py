"""Real clicks with their own times: the same sessions and purchases in any order, in any batches, however often sent.

The figures are the file's own: plain Python finds them first, then the whole stack must.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from simulation import ecom
from simulation.post import post_all
from simulation.stack import Stack, encode

SESSIONS, PURCHASES, EVENTS, USERS = 3_605, 470, 31_106, 600
GAP_MS = 30 * 60_000


def in_file_order(events: list[dict[str, Any]]) -> list[bytes]:
    """Batches of 500."""
    return [encode(events[start : start + 500]) for start in range(0, len(events), 500)]


def shuffled_batches(events: list[dict[str, Any]]) -> list[bytes]:
    """Batches of 20, in no order."""
    mixed = random.Random(20).sample(events, len(events))
    return [encode(mixed[start : start + 20]) for start in range(0, len(mixed), 20)]


def one_by_one_some_twice(events: list[dict[str, Any]]) -> list[bytes]:
    """One event a request, in no order, every tenth sent twice."""
    rng = random.Random(1)
    mixed = [*events, *rng.sample(events, len(events) // 10)]
    rng.shuffle(mixed)
    return [msgspec.json.encode(event) for event in mixed]


WAYS = {"file": in_file_order, "shuffled": shuffled_batches, "single": one_by_one_some_twice}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("ecom"))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return ecom.events()


def test_plain_python_finds_the_figures() -> None:
    rows = ecom.rows()
    assert len(rows) == EVENTS
    assert len({row["user_id"] for row in rows}) == USERS
    assert len(expected_sessions()) == SESSIONS
    assert sum(row["event"] == "purchase" for row in rows) == PURCHASES


@pytest.mark.anyio
@pytest.mark.parametrize("way", WAYS)
async def test_the_stack_finds_the_same(stack: Stack, events: list[dict[str, Any]], way: str) -> None:
    site = stack.add_site(f"ecom-{way}")
    await post_all(stack.url, site["secret_key"], WAYS[way](events))
    stack.wait_derived()
    assert counts(stack, site["site"]) == {
        "events": EVENTS,
        "sessions": SESSIONS,
        "purchases": PURCHASES,
        "users": USERS,
    }
    assert sessions(stack, site["site"]) == expected_sessions()


def counts(stack: Stack, site: str) -> dict[str, int]:
    warehouse = stack.warehouse()
    questions = {
        "events": "SELECT count() FROM v_events WHERE site = {site:String}",
        "sessions": "SELECT count() FROM v_sessions WHERE site = {site:String}",
        "purchases": "SELECT count() FROM v_conversions WHERE site = {site:String} AND name = 'purchase'",
        "users": "SELECT uniqExact(person_id) FROM v_sessions WHERE site = {site:String}",
    }
    found = {name: int(warehouse.query(sql, {"site": site}).rows[0][0]) for name, sql in questions.items()}
    warehouse.close()
    return found


def expected_sessions() -> list[list[Any]]:
    """User, start, end and number of events of every session, by plain Python."""
    found: list[list[Any]] = []
    for user, time in sorted((row["user_id"], ecom.time_ms(row)) for row in ecom.rows()):
        last = found[-1] if found else None
        if last and last[0] == user and time - last[2] <= GAP_MS:
            last[2], last[3] = time, last[3] + 1
        else:
            found.append([user, time, time, 1])
    return found


def sessions(stack: Stack, site: str) -> list[list[Any]]:
    warehouse = stack.warehouse()
    found = warehouse.query(
        "SELECT visitor_id, toUnixTimestamp64Milli(started_at), toUnixTimestamp64Milli(ended_at), events "
        "FROM v_sessions WHERE site = {site:String} ORDER BY 1, 2",
        {"site": site},
    )
    warehouse.close()
    return [[row[0], *map(int, row[1:])] for row in found.rows]
