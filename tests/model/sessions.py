"""Sessions of one visitor: moments (all events of one millisecond) in order, cut by the rules of sessions.yaml."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from consumers.rules.files import Rules, SessionRules
from tests.model.facts import Fact, grouped, is_visitor
from tests.model.identities import Persons
from tests.model.sources import continues_a_visit

Session = list[Fact]
Row = dict[str, Any]


def is_activity(fact: Fact, rules: SessionRules) -> bool:
    return bool(is_visitor(fact["subject"]) and fact["type"] not in rules.not_activity and fact["active"])


def order(fact: Fact) -> Any:
    return fact["ts"], fact["event_id"]


def returns(fact: Fact, rules: Rules) -> bool:
    """Whether an event is a mere return from a payment page, a sign-on and the like."""
    return not (fact["campaign_key"] or fact["click_key"]) and continues_a_visit(
        fact["referrer_host"], fact["site"], rules
    )


def returns_of(session: Session, rules: Rules) -> list[str]:
    """Which returns a session took for its own, and why."""
    gap_ms, found, before = rules.sessions.gap_minutes * 60_000, set(), None
    for fact in session:
        if returns(fact, rules):
            why = "source" if before is None else "list" if fact["ts"] - before > gap_ms else "session"
            found.add((f"{why}:", fact["referrer_host"]))
        before = fact["ts"]
    return [why + host for why, host in sorted(found)]


def sessions_of(facts: list[Fact], persons: Persons, rules: Rules) -> list[Session]:
    """All sessions of a set of facts, each in order of time."""
    active = [
        fact for fact in facts
        if is_activity(fact, rules.sessions) and not persons.blocked((fact["site"], ("visitor_id", fact["subject"])))
    ]  # fmt: skip
    by_visitor = grouped(active, "site", "subject").values()
    return [session for own in by_visitor for session in _cut(sorted(own, key=order), persons, rules)]


def _cut(facts: list[Fact], persons: Persons, every: Rules) -> list[Session]:
    rules = every.sessions
    sessions: list[Session] = []
    seen = {"campaign_key": 0, "click_key": 0}  # the last of each since the session chain began
    for ts, moment in groupby(facts, lambda f: f["ts"]):
        events = list(moment)
        if (
            not sessions
            or _breaks(sessions[-1], events[0], persons, every)
            or ts - sessions[-1][0]["ts"] > rules.max_hours * 3_600_000
        ):
            sessions.append([])
            seen = {"campaign_key": 0, "click_key": 0}
        elif rules.new_campaign_starts_session and _leaves(events, seen):
            sessions.append([])
        for event in events:
            seen = {key: event[key] or last for key, last in seen.items()}
        sessions[-1] += events
    return sessions


def _breaks(session: Session, event: Fact, persons: Persons, every: Rules) -> bool:
    """What ends a visit whatever its campaign: silence, another person, midnight."""
    rules, site, subject = every.sessions, event["site"], event["subject"]
    last, ts = session[-1]["ts"], event["ts"]
    patience = max(rules.gap_minutes, rules.continuity_minutes) if returns(event, every) else rules.gap_minutes
    return (
        ts - last > patience * 60_000
        or (
            rules.another_person_starts_session
            and persons.owner(site, subject, last) != persons.owner(site, subject, ts)
        )
        or (rules.midnight_starts_session and _day(site, last, rules) != _day(site, ts, rules))
    )


def _day(site: str, ts: int, rules: SessionRules) -> date:
    zone = rules.midnight_zones.get(site, rules.midnight_zone)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ts)).astimezone(ZoneInfo(zone)).date()


def _leaves(events: list[Fact], seen: dict[str, int]) -> bool:
    """Whether one of these events carries another campaign or click id than the last one seen."""
    seen = dict(seen)
    for event in events:
        for key, last in seen.items():
            if event[key] and event[key] != last:
                return True
            seen[key] = event[key] or last
    return False


class Visits:
    """Sessions as rows of the table, and which one is running when."""

    def __init__(self, rows: list[Row], gap_ms: int) -> None:
        self._by_subject = grouped(rows, "site", "subject")
        self._by_person = grouped(rows, "site", "person_id")
        self._gap_ms = gap_ms

    def running(self, site: str, subject: str, ts: int) -> int:
        """The session of a visitor that a moment falls into, 0 for none."""
        return self._running(self._by_subject.get((site, subject), []), ts)

    def named_of_visitor(self, site: str, subject: str, client_session: str, ts: int) -> int:
        """The session of a visitor that the client gave this id, the last begun by then; 0 for none."""
        begun = [s for s in self._by_subject.get((site, subject), [])
            if client_session in s["client_sessions"] and s["started_at"] <= ts]  # fmt: skip
        return max(begun, key=lambda s: s["started_at"])["session_id"] if begun else 0

    def named(self, site: str, person_id: str, client_session: str, ts: int) -> int:
        """The session of a person that a client gave this id: the last begun by then, else the first; 0 for none."""
        own = [s for s in self._by_person.get((site, person_id), []) if client_session in s["client_sessions"]]
        own.sort(key=lambda s: (s["started_at"], s["session_id"]))
        begun = [s for s in own if s["started_at"] <= ts] or own[:1]
        return begun[-1]["session_id"] if begun else 0

    def running_of_person(self, site: str, person_id: str, ts: int) -> int:
        """The same for all visitors of a person."""
        return self._running(self._by_person.get((site, person_id), []), ts)

    def _running(self, sessions: list[Row], ts: int) -> int:
        begun = [s for s in sessions if s["started_at"] <= ts]
        last = max(begun, key=lambda s: (s["started_at"], s["session_id"]), default=None)
        return last["session_id"] if last and ts <= last["ended_at"] + self._gap_ms else 0
