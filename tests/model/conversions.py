"""Conversions: the reports of one order merged, field by field, each in its order of trust; refunds taken off."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from consumers.rules.conversions import ConversionRule, ConversionRules, RefundRule
from tests.model.conditions import is_one, text_of
from tests.model.facts import Fact, grouped
from tests.model.identities import Persons
from tests.model.sessions import Visits
from tests.model.siphash import sip_hash64

Row = dict[str, Any]
HOUR_MS = 3_600_000


def conversion_name(fact: Fact, rules: ConversionRules) -> str:
    """The conversion an event reports, '' for none."""
    if refund_rule(fact, rules):
        return ""
    if rule := conversion_rule(fact, rules):
        return rule.name
    own = fact["name"] or ("purchase" if fact["order_id"] else "conversion")
    return own if fact["type"] == "conversion" else ""


def conversion_rule(fact: Fact, rules: ConversionRules) -> ConversionRule | None:
    return next((rule for rule in rules.events if is_one(rule, fact)), None)


def refund_rule(fact: Fact, rules: ConversionRules) -> RefundRule | None:
    return next((rule for rule in rules.refunds if is_one(rule, fact)), None)


def told_by(fact: Fact, rules: ConversionRules) -> Fact:
    """The event with value, currency, order and key as the rules read them."""
    refund, rule = refund_rule(fact, rules), conversion_rule(fact, rules)
    told = dict(
        fact,
        conversion=conversion_name(fact, rules),
        refund=refund is not None,
        refund_of=refund.refund_of if refund else [],
        about="",
    )
    reading = refund or rule
    if reading:
        found = text_of(fact, reading.value_from) if reading.value_from else ""
        if re.fullmatch(r"[+-]?\d+(\.\d+)?", found):
            told["value"] = Decimal(found).quantize(Decimal("0.0001"), ROUND_DOWN)
        told["order_id"] = (text_of(fact, reading.order_id_from) if reading.order_id_from else "") or fact["order_id"]
    if refund and refund.event_id_from:
        told["about"] = text_of(fact, refund.event_id_from)
    if rule and not refund:
        if told["value"] is None and rule.value is not None:
            told["value"] = Decimal(str(rule.value))
        found = text_of(fact, rule.currency_from) if rule.currency_from else ""
        told["currency"] = (found or fact["currency"] or rule.currency).upper()
    return told


def reporter_of(fact: Fact) -> str:
    if fact["dialect"] in ("import", "webhook"):
        return str(fact["dialect"])
    return "server" if fact["secret"] else "pixel" if fact["dialect"] == "pixel" else "browser"


def conversions_of(facts: list[Fact], visits: Visits, persons: Persons, rules: ConversionRules) -> list[Row]:
    """All conversions: one row per order, or per event id and name of reports without an order id."""
    read = [told_by(f, rules) for f in facts if conversion_name(f, rules) or refund_rule(f, rules)]
    told = [f for f in read if not f["refund"] or f["order_id"] or f["about"]]
    keyed = [
        {**f, "key": f"order:{f['order_id']}" if f["order_id"] else f"event:{f['about'] or f['event_id']}"}
        for f in told
    ]
    rows = []
    for (site, key), group in grouped(keyed, "site", "key").items():
        base = sip_hash64(site, key)
        for number, order in enumerate(_orders(group, rules), 1):
            own = base if number == 1 else sip_hash64(site, f"{base}#{number}")
            rows.append({"site": site, "conversion_id": own, **_merge(order, visits, persons, rules)})
    return rows


def _orders(group: list[Fact], rules: ConversionRules) -> list[list[Fact]]:
    """An order id after a long silence is another order; an event id alone is one report of a name for some hours."""
    is_order = bool(group[0]["order_id"])
    silence_ms = rules.order_days * 24 * HOUR_MS if is_order else rules.duplicate_hours * HOUR_MS
    orders: list[list[Fact]] = []
    reports = sorted((f for f in group if not f["refund"]), key=lambda f: f["ts"])
    for name in [None] if is_order else sorted({f["conversion"] for f in reports}):
        last = None
        for fact in reports:
            if name is None or fact["conversion"] == name:
                if last is None or fact["ts"] - last > silence_ms:
                    orders.append([])
                orders[-1].append(fact)
                last = fact["ts"]
    orders.sort(key=lambda order: (order[0]["ts"], "" if is_order else order[0]["conversion"]))
    for refund in _refunds(group, rules):
        before = [order for order in orders if order[0]["ts"] <= refund["ts"]]
        if orders:
            (before[-1] if before else orders[0]).append(refund)
    return orders


def _refunds(group: list[Fact], rules: ConversionRules) -> list[Fact]:
    """One for each event id: the most trusted report of it, then the earliest."""
    arrived = sorted((f for f in group if f["refund"]), key=lambda f: (f["received_at"], f["event_id"], f["subject"]))
    by_trust = sorted(arrived, key=lambda f: _rank(reporter_of(f), rules.trust))
    return list({f["event_id"]: f for f in reversed(by_trust)}.values())


def _merge(group: list[Fact], visits: Visits, persons: Persons, rules: ConversionRules) -> Row:
    arrived = sorted(group, key=lambda f: (f["received_at"], f["event_id"], f["subject"]))
    told = [f for f in arrived if not f["refund"]]

    def asked(field: str) -> list[Fact]:
        order = rules.trust_of.get(field, rules.trust)
        if order == "earliest":
            return sorted(told, key=lambda f: f["ts"])
        trusted = [order] if isinstance(order, str) else order
        return sorted(told, key=lambda f: _rank(reporter_of(f), trusted))

    by_time = sorted(told, key=lambda f: f["ts"])
    identified = [f for f in asked("person") if persons.is_named(f)]
    person_id = persons.of((identified or by_time)[0])
    valued = [f for f in asked("value") if f["value"] is not None]
    full = max(valued[0]["value"], Decimal(0)) if valued else Decimal(0)
    name = asked("name")[0]["conversion"]
    follows = [] if "currency" in rules.trust_of else valued[:1]
    currency = _first(f["currency"] for f in (*follows, *asked("currency")))
    back = [f for f in group if f["refund"] and (not f["refund_of"] or name in f["refund_of"])]
    back = [f for f in back if f["value"] is None or f["currency"] in ("", currency) or not currency]
    refunds = [full if f["value"] is None else abs(f["value"]) for f in back]
    refunded = min(sum(refunds, Decimal(0)), full)
    own = [session for f in asked("session") if (session := visits.running(f["site"], f["subject"], f["ts"]))]
    ts = asked("ts")[0]["ts"]
    client_session = _first(f["client_session"] for f in asked("session") if f["secret"])
    named = visits.named(by_time[0]["site"], person_id, client_session, ts) if client_session else 0
    return {
        "person_id": person_id,
        "ts": ts,
        "visitor_id": _first(f["visitor_id"] for f in asked("visitor")),
        "session_id": named or (own[0] if own else visits.running_of_person(by_time[0]["site"], person_id, ts)),
        "name": name,
        "order_id": told[0]["order_id"],
        "value": full - refunded,
        "refunded": refunded,
        "currency": currency,
        "reported_by": sorted({reporter_of(f) for f in told}),
    }


def _rank(reporter: str, trusted: list[str]) -> int:
    return trusted.index(reporter) if reporter in trusted else len(trusted)


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
