"""Where a touch came from, asked of the real derivation: facts in, `touchpoints` out."""

from typing import Any, NamedTuple

from consumers.enrich.link import host_of, parse_link
from consumers.enrich.row import BLANK, EVENT_TYPES
from consumers.rebuild import rebuild
from consumers.rules.files import Rules

T0 = 1_767_614_400_000
PAGE = "https://www.shop.example/landing"


class Click(NamedTuple):
    """What a touch says of its origin."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    referrer: str = ""
    click_id: str = ""
    kind: str = "click"


def fact(number: int, click: Click, site: str) -> dict[str, Any]:
    link = parse_link(PAGE)
    visitor = f"v{number:06}"
    return {
        **BLANK, "site": site, "subject": visitor, "event_id": f"e{number}", "visitor_id": visitor, "type": "touch",
        "ts": T0 + number, "received_at": T0 + number, "url": PAGE, "url_host": link.host, "referrer": click.referrer,
        "referrer_host": host_of(click.referrer), "utm_source": click.source, "utm_medium": click.medium,
        "utm_campaign": click.campaign, "click_id_type": click.click_id, "click_id": "Abc" if click.click_id else "",
        "touch_kind": click.kind, "active": 1, "log_off": number,
    }  # fmt: skip


async def classified(
    warehouse: Any, rules: Rules, clicks: list[Click], site: str = "shop"
) -> list[tuple[str, str, str]]:
    """(channel, source, medium) of each, by the pipeline's own SQL."""
    for table in ("events", "touchpoints", "sessions", "person_subjects", "open_paths", "identities"):
        await warehouse.command(f"TRUNCATE TABLE {table}")
    rows = [fact(number, click, site) for number, click in enumerate(clicks)]
    await warehouse.insert("events", {column: [row[column] for row in rows] for column in EVENT_TYPES}, EVENT_TYPES)
    ticks = iter(range(1, 1_000_000))
    await rebuild(warehouse, rules, lambda: next(ticks))
    found = await warehouse.rows("SELECT subject, channel, source, medium FROM touchpoints FINAL ORDER BY subject")
    assert [row[0] for row in found] == [row["subject"] for row in rows]
    return [row[1:] for row in found]
