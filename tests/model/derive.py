"""The reference model: from accepted facts and rules to every derived table. Short, slow, obviously right.

Written from the definitions, not from the SQL. A table is a list of rows, in no order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from consumers.rules.files import Rules, version_of
from tests.model.conversions import conversion_name, conversions_of
from tests.model.facts import Fact, grouped, is_visitor, unique
from tests.model.identities import Persons, Retraction, subject_id
from tests.model.paths import open_paths_of, paths_of
from tests.model.quarantine import quarantine_of
from tests.model.sessions import Session, Visits, returns_of, sessions_of
from tests.model.siphash import sip_hash64
from tests.model.sources import named_channel, source_of, visit_kind
from tests.model.stages import stages_of

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def derive(rows: Iterable[Fact], rules: Rules, retractions: Iterable[Retraction] = ()) -> Tables:
    """All derived tables of these facts."""
    rows = list(rows)
    facts, duplicates = unique(rows)
    persons = Persons(facts, rules.identity, retractions)
    sessions = [_session_row(session, persons, rules) for session in sessions_of(facts, persons, rules)]
    visits = Visits(sessions, round(rules.sessions.gap_minutes * 60_000))
    touched = [f for f in facts if f["type"] == "touch" and not f["is_bot"]]
    touchpoints = [_visit_touchpoint(s, rules) for s in sessions if s["touches"]]
    touchpoints += [_touch(f, visits, persons, rules) for f in touched]
    touch_sessions = [row for f in touched if not is_visitor(f["subject"]) for row in _session_of(f, visits, persons)]
    conversions = conversions_of(facts, visits, persons, rules.conversions)
    done = {"touchpoints": touchpoints, "sessions": sessions, "conversions": conversions}
    stages = stages_of(rules.stages, done, facts, persons)
    tables = {
        "event_duplicates": [
            {k: f[k] for k in ("site", "subject", "event_id", "log_gen", "log_part", "log_off")} for f in duplicates
        ],
        "identities": _identities(facts, persons),
        "identity_quarantine": quarantine_of(rows, persons),
        "sessions": sessions,
        "touchpoints": touchpoints,
        "touch_sessions": touch_sessions,
        "conversions": conversions,
        "conversion_paths": paths_of(conversions, touchpoints, rules.conversions),
        "open_paths": open_paths_of(conversions, touchpoints, stages),
        "v_events": [_event(f, visits, persons) for f in facts],
        "v_touchpoints": _with_sessions(touchpoints, touch_sessions),
    }
    version = version_of(rules)
    for table, found in tables.items():
        if not table.startswith("v_"):
            for row in found:
                row["rules_version"] = version
    return tables


def _identities(facts: list[Fact], persons: Persons) -> list[Row]:
    """One row per identifier: who owns it when."""
    times: dict[Any, list[int]] = {node: persons.seen(node) for node in persons.nodes()}
    for (site, subject), own in grouped(facts, "site", "subject").items():
        node = site, subject_id(subject)
        times[node] = times.get(node, []) + [f["ts"] for f in own]
    rows = []
    for node, seen in times.items():
        if not seen or persons.blocked(node):
            continue
        history = persons.history(node)
        named = [owner for _, owner in history if owner]
        rows.append({
            "site": node[0], "id_type": node[1][0], "id_value": node[1][1],
            "person_id": named[-1] if named else persons.self_name(node), "shared": int(len(set(named)) > 1),
            "owned_from": [since for since, _ in history], "owners": [owner for _, owner in history],
            "first_seen": min(seen), "last_seen": max(seen),
            "neighbours": persons.neighbours(node), "suppressed": int(persons.suppressed(node)),
        })  # fmt: skip
    return rows


def _event(fact: Fact, visits: Visits, persons: Persons) -> Row:
    session_id = visits.running(fact["site"], fact["subject"], fact["ts"])
    plain = {column: fact[column] for column in ("site", "event_id", "visitor_id", "ts", "type")}
    return {**plain, "person_id": persons.of(fact), "session_id": session_id}


def _session_row(session: Session, persons: Persons, rules: Rules) -> Row:
    first, last = session[0], session[-1]
    pages = [f for f in session if f["type"] in ("page", "screen")]
    entry, leave = (pages[0], pages[-1]) if pages else (first, last)
    tagged = [f for f in session if f["campaign_key"] or f["click_key"]]
    origin = tagged[0] if tagged else entry
    source = source_of(origin, "", rules)
    converting = [f for f in session if conversion_name(f, rules.conversions)]
    only_reports = len([f for f in converting if f["secret"]]) == len(session)
    return {
        "site": first["site"], "subject": first["subject"], "started_at": first["ts"], "ended_at": last["ts"],
        "session_id": sip_hash64(first["site"], first["subject"], first["ts"]),
        "person_id": persons.person(first["site"], first["subject"], first["ts"]),
        "events": len(session), "pageviews": len(pages),
        "engaged": int(last["ts"] - first["ts"] >= 10_000 or len(pages) >= 2 or bool(converting)),
        "entry_url": entry["url"], "exit_url": leave["url"], "referrer": origin["referrer"] if source.external else "",
        "node": source.node, "channel": source.channel, "source": source.source, "medium": source.medium,
        "campaign": origin["utm_campaign"], "content": origin["utm_content"], "term": origin["utm_term"],
        "click_id_type": origin["click_id_type"], "country": entry["country"], "device_type": entry["device_type"],
        "is_bot": entry["is_bot"], "touches": int(not entry["is_bot"] and not only_reports),
        "continuity": returns_of(session, rules),
        "client_sessions": sorted({f["client_session"] for f in session
            if not (f["secret"] and conversion_name(f, rules.conversions))} - {""}),
    }  # fmt: skip


SAME = (
    "site",
    "subject",
    "person_id",
    "session_id",
    "node",
    "channel",
    "source",
    "medium",
    "campaign",
    "content",
    "term",
)


def _visit_touchpoint(session: Row, rules: Rules) -> Row:
    own = {
        "ts": session["started_at"],
        "touchpoint_id": session["session_id"],
        "kind": visit_kind(session["channel"], rules.channels),
        "creative": "",
        "cost": None,
        "client_session": "",
    }
    return {**own, **{column: session[column] for column in SAME}}


def _session_of(fact: Fact, visits: Visits, persons: Persons) -> list[Row]:
    """The session of a touch that has no visitor: one that a server names by its client's id, else its person's running one."""
    site, person_id, ts = fact["site"], persons.of(fact), fact["ts"]
    client_session = fact["client_session"] if fact["secret"] else ""
    named = visits.named(site, person_id, client_session, ts) if client_session else 0
    if session_id := named or visits.running_of_person(site, person_id, ts):
        return [{"site": site, "person_id": person_id, "touchpoint_id": _touch_id(fact), "session_id": session_id}]
    return []


def _with_sessions(touchpoints: list[Row], touch_sessions: list[Row]) -> list[Row]:
    """Touchpoints as readers see them."""
    of_touch = {(row["site"], row["touchpoint_id"]): row["session_id"] for row in touch_sessions}
    return [
        {
            **{column: row[column] for column in ("site", "touchpoint_id", "person_id", "ts", "kind", "channel")},
            "visitor_id": row["subject"] if is_visitor(row["subject"]) else "",
            "session_id": row["session_id"] or of_touch.get((row["site"], row["touchpoint_id"]), 0),
        }
        for row in touchpoints
    ]


def _touch_id(fact: Fact) -> int:
    return sip_hash64(fact["site"], fact["subject"], fact["event_id"])


def _touch(fact: Fact, visits: Visits, persons: Persons, rules: Rules) -> Row:
    kind = fact["touch_kind"].strip(" ").lower() or "interaction"
    source = source_of(fact, kind, rules)
    client_session = fact["client_session"] if fact["secret"] else ""
    named = client_session and visits.named_of_visitor(fact["site"], fact["subject"], client_session, fact["ts"])
    channel, node = named_channel(fact["touch_channel"], rules.channels) or (source.channel, source.node)
    return {
        "site": fact["site"], "subject": fact["subject"], "ts": fact["ts"],
        "touchpoint_id": _touch_id(fact),
        "person_id": persons.of(fact), "session_id": named or visits.running(fact["site"], fact["subject"], fact["ts"]),
        "kind": kind, "node": node, "channel": channel, "source": source.source, "medium": source.medium,
        "campaign": fact["utm_campaign"], "content": fact["utm_content"], "term": fact["utm_term"],
        "creative": fact["touch_creative"], "cost": fact["touch_cost"],
        "client_session": client_session,
    }  # fmt: skip
