"""Synthetic traffic for benchmarks: visits in time order, as log records and as rows. From a seed; no clock."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from eventlog.contract import Record
from schemas.record import Accepted, encode, key_of

BEGIN_MS = 1_780_000_000_000
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
)
LANDINGS = (
    "https://shop.example/?utm_source=google&utm_medium=cpc&utm_campaign=autumn&gclid=g{n}",
    "https://shop.example/he?utm_source=facebook&utm_medium=paid_social&utm_campaign=%D7%9E%D7%91%D7%A6%D7%A2",
    "https://shop.example/", "https://shop.example/", "https://shop.example/blog",
)  # fmt: skip
REFERRERS = ("https://www.google.com/", "", "", "https://www.reddit.com/r/israel", "https://l.facebook.com/")


def visits(events: int, visitors: int, seed: int, first: int = 0) -> Iterator[tuple[int, str, dict[str, object]]]:
    """(time, visitor, event) in time order: visits of about four pages, 2 % with an order, 10 % with a log-in."""
    chance = random.Random(seed)
    clock = BEGIN_MS + first * 150
    made = 0
    while made < events:
        number = chance.randrange(visitors)
        visitor = f"v{number}"
        for step in range(chance.choice((1, 2, 4, 4, 6))):
            if made >= events:
                return
            clock += 150
            landing = step == 0
            event: dict[str, object] = {
                "type": "page", "event_id": f"{seed}-{first + made:x}", "visitor_id": visitor, "created_at": clock,
                "context": {
                    "url": chance.choice(LANDINGS).format(n=made) if landing else f"https://shop.example/p/{chance.randrange(3000)}",
                    "referrer": chance.choice(REFERRERS) if landing else "https://shop.example/", "title": "נתיב · shop",
                },
                "properties": {"list": "a", "position": step},
            }  # fmt: skip
            if step == 2 and number % 10 == 0:
                event = {**event, "type": "identify", "user_id": f"u{number // 2}"}
            elif step == 3 and chance.random() < 0.1:
                value = chance.randrange(50, 900)
                order = {"id": f"o{seed}-{made}", "value": value, "currency": "ILS"}
                event = {**event, "type": "conversion", "name": "purchase", "order": order}
            yield clock, visitor, event
            made += 1


def records(events: int, visitors: int, seed: int, first: int = 0) -> Iterator[Record]:
    """The visits as log records, received 200 ms after they were made."""
    for clock, visitor, event in visits(events, visitors, seed, first):
        accepted = Accepted(
            site="shop", received_at=clock + 200, event_id=str(event["event_id"]), visitor_id=visitor,
            event=msgspec.json.encode(event), ip="5.29.1.0", user_agent=AGENTS[int(visitor[1:]) % 3], language="he-IL",
        )  # fmt: skip
        yield Record(key_of("shop", visitor), encode(accepted))
