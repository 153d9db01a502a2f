"""Events without a visitor join the person they name and the visit that is running; late ones get the path of their own time."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from consumers.enrich.identifiers import hash_email
from schemas.record import Accepted
from tests.model.driver import Driver

AT = 1_772_495_400_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
URL = "https://shop.example/?utm_source=google&utm_medium=cpc&gclid=Cj0-abc"


class Story:
    """One site's events, delivered in any order."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.site, self.events = driver, f"{driver.name()}.0", list[Accepted]()

    def tell(self, minute: float, visitor: str = "", late_ms: int = 0, *, server: bool = False, **event: Any) -> None:
        at = AT + round(minute * MINUTE)
        body = {"type": "page", "created_at": at, **event}
        self.events.append(Accepted(
            site=self.site, received_at=at + late_ms + 50, event_id=f"e{len(self.events)}", visitor_id=visitor,
            event=json.dumps(body).encode(), secret=server or not visitor,
        ))  # fmt: skip

    def deliver(self, seed: int) -> None:
        events = random.Random(seed).sample(self.events, len(self.events))
        self.driver.deliver([events[:2], events[2:]])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.driver.rows(sql, {"site": self.site})

    def conversion(self) -> dict[str, Any]:
        """The one conversion, with its path and the visitor whose visit it fell into."""
        [(person, session, value, channels, visitor)] = self.rows(
            "SELECT c.person_id, c.session_id, toFloat64(c.value), p.path_channels, "
            "(SELECT any(visitor_id) FROM v_sessions WHERE session_id = c.session_id) "
            "FROM v_conversions AS c INNER JOIN v_conversion_paths AS p ON p.conversion_id = c.conversion_id AND p.site = c.site "
            "WHERE c.site = {site:String}"
        )
        return {"person": person, "session": session, "value": value, "path": list(channels), "visitor": visitor}


@pytest.fixture
def story(driver: Driver) -> Story:
    return Story(driver)


ORDER = {"order": {"id": "o1", "value": 120, "currency": "ILS"}}
ADDRESS = hash_email("dana@example.com")


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "names",
    [{"user_id": "dana"}, {"email": "dana@example.com"}, {"email": ADDRESS.upper()}, {"identifiers": {"gclid": "Cj0-abc"}},
     {"context": {"click_ids": {"gclid": "Cj0-abc"}}}, {"context": {"url": URL}}, {"identifiers": {"loyalty_id": "900"}}],
    ids=["account", "address", "hashed address", "click id", "click id of the context", "click id of the address", "loyalty card"],
)  # fmt: skip
def test_a_servers_purchase_joins_the_person_and_the_running_visit(
    story: Story, names: dict[str, Any], seed: int
) -> None:
    story.tell(0, "laptop", context={"url": URL})
    story.tell(
        1, "laptop", type="identify", user_id="dana", email="dana@example.com", identifiers={"loyalty_id": "900"}
    )
    story.tell(10, type="conversion", **names, **ORDER)
    story.tell(60, "laptop")
    story.deliver(seed)
    found = story.conversion()
    assert (found["person"], found["visitor"], found["path"]) == ("user_id:dana", "laptop", ["Paid Search"])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_store_purchase_imported_weeks_later_gets_the_path_of_its_own_time(story: Story, seed: int) -> None:
    story.tell(0, "phone", context={"url": URL})
    story.tell(5, "phone", type="identify", user_id="dana", identifiers={"loyalty_id": "900"})
    story.tell(2 * 24 * 60, type="conversion", late_ms=21 * DAY, identifiers={"loyalty_id": "900"}, **ORDER)
    story.tell(9 * 24 * 60, "phone", context={"url": "https://shop.example/?utm_source=news&utm_medium=email"})
    story.deliver(seed)
    found = story.conversion()
    assert (found["person"], found["path"], found["session"]) == ("user_id:dana", ["Paid Search"], 0)


def test_who_held_the_card_then_made_the_purchase(story: Story) -> None:
    story.tell(0, "phone", context={"url": URL}, user_id="dana", identifiers={"loyalty_id": "900"})
    story.tell(100, "tablet", user_id="yoav", identifiers={"loyalty_id": "900"})
    story.tell(50, type="conversion", late_ms=21 * DAY, identifiers={"loyalty_id": "900"}, **ORDER)
    story.deliver(3)
    assert story.conversion()["person"] == "user_id:dana"


def test_raw_addresses_and_numbers_reach_no_table(story: Story) -> None:
    story.tell(0, "laptop", email="Dana.Raw@Example.com", phone="050-765-4321")
    story.tell(1, identifiers={"email": "dana.raw@example.com", "phone": "+972507654321"})
    story.tell(
        2,
        "laptop",
        identifiers={"E-Mail": "Dana.Raw@Example.com", "Mobile": "050-765-4321", "whatsapp": "+972507654321"},
    )
    raw = {"email": "dana.raw@example.com", "phone": "050-765-4321"}
    story.tell(3, "laptop", traits=raw, context={"traits": raw}, Email="Dana.Raw@Example.com")
    story.deliver(1)

    async def look() -> None:
        known = await story.driver.pipeline.knowing(
            story.site, "ana.raw@example", "ana.Raw@Example", "765-4321", "507654321"
        )
        assert {table: count for table, count in known if count} == {}

    story.driver.run(look())
    [(hashed,)] = story.rows(
        "SELECT count() FROM events WHERE site = {site:String} AND length(identifiers['email']) = 64"
    )
    assert hashed == 4
