"""Conversions: the reports of one order merged, field by field, in order of trust; refunds taken off."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from consumers.rules.files import ConversionRules
from tests.model.facts import Fact, grouped
from tests.model.identities import Persons
from tests.model.sessions import Visits
from tests.model.siphash import sip_hash64

Row = dict[str, Any]


def conversion_name(fact: Fact, rules: ConversionRules) -> str:
    """The conversion an event reports, '' for none."""
    if fact["type"] == "conversion":
        return fact["name"] or ("purchase" if fact["order_id"] else "conversion")
    plain = re.sub(r"[\s_-]+", " ", fact["name"], flags=re.ASCII).strip(" ").lower()
    return next((rule.name for rule in rules.events if fact["type"] in rule.types and plain in rule.names), "")


def reporter_of(fact: Fact) -> str:
    if fact["dialect"] in ("import", "webhook"):
        return str(fact["dialect"])
    return "server" if fact["secret"] else "pixel" if fact["dialect"] == "pixel" else "browser"


def conversions_of(facts: list[Fact], visits: Visits, persons: Persons, rules: ConversionRules) -> list[Row]:
    """All conversions: one row per order id, or per event id of those without one."""
    told = [f for f in facts if conversion_name(f, rules) or (f["type"] == "refund" and f["order_id"])]
    keyed = [{**f, "key": f"order:{f['order_id']}" if f["order_id"] else f"event:{f['event_id']}"} for f in told]
    rows = []
    for (site, key), group in grouped(keyed, "site", "key").items():
        if any(fact["type"] != "refund" for fact in group):
            rows.append({"site": site, "conversion_id": sip_hash64(site, key), **_merge(group, visits, persons, rules)})
    return rows


def _merge(group: list[Fact], visits: Visits, persons: Persons, rules: ConversionRules) -> Row:
    trust = {reporter: rank for rank, reporter in enumerate(rules.trust)}
    arrived = sorted(group, key=lambda f: (f["received_at"], f["event_id"], f["subject"]))
    reports = sorted((f for f in arrived if f["type"] != "refund"), key=lambda f: trust[reporter_of(f)])
    by_time = sorted((f for f in arrived if f["type"] != "refund"), key=lambda f: f["ts"])
    identified = [f for f in reports if persons.is_named(f)]
    person_id = persons.of((identified or by_time)[0])
    valued = [f for f in reports if f["value"] is not None]
    full = max(valued[0]["value"], Decimal(0)) if valued else Decimal(0)
    refunds = [full if f["value"] is None else abs(f["value"]) for f in group if f["type"] == "refund"]
    refunded = min(sum(refunds, Decimal(0)), full)
    own = [session for f in by_time if (session := visits.running(f["site"], f["subject"], f["ts"]))]
    return {
        "person_id": person_id,
        "ts": by_time[0]["ts"],
        "visitor_id": _first(f["visitor_id"] for f in by_time),
        "session_id": own[0] if own else visits.running_of_person(by_time[0]["site"], person_id, by_time[0]["ts"]),
        "name": conversion_name(reports[0], rules),
        "order_id": reports[0]["order_id"],
        "value": full - refunded,
        "refunded": refunded,
        "currency": _first(f["currency"] for f in (*valued[:1], *reports)),
        "reported_by": sorted({reporter_of(f) for f in reports}),
    }


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
