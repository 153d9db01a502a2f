"""Who owns a visitor when: the latest log-in, unless a log-out came after it; before the first log-in that first one."""

from __future__ import annotations

from tests.model.facts import Fact, grouped, is_visitor


class Ownership:
    """The log-ins and log-outs of one visitor."""

    def __init__(self, facts: list[Fact]) -> None:
        self.logins = sorted((f["ts"], f["event_id"], f["user_id"]) for f in facts if f["user_id"])
        self.logouts = [f["ts"] for f in facts if f["type"] == "track" and f["name"] == "logged_out"]

    def at(self, ts: int) -> str:
        """The owner, '' for nobody."""
        if not self.logins:
            return ""
        # Before the first log-in its owner holds; of several in one millisecond the last one is the log-in.
        before = [login for login in self.logins if login[0] <= ts]
        login = before[-1] if before else [login for login in self.logins if login[0] == self.logins[0][0]][-1]
        left = before and any(login[0] <= logout < ts for logout in self.logouts)
        return "" if left else f"user_id:{login[2]}"

    def history(self) -> list[tuple[int, str]]:
        """Stretches (owned from, owner); the first reaches back for ever."""
        times = sorted({login[0] for login in self.logins} | {t + 1 for t in self.logouts})
        stretches = [(0, self.at(0))]
        for ts in times:
            if self.at(ts) != stretches[-1][1]:
                stretches.append((ts, self.at(ts)))
        return stretches


class Persons:
    """Who did what, of one set of facts."""

    def __init__(self, facts: list[Fact]) -> None:
        self.visitors = {
            key: Ownership(own) for key, own in grouped(facts, "site", "subject").items() if is_visitor(key[1])
        }

    def owner(self, site: str, subject: str, ts: int) -> str:
        return self.visitors[site, subject].at(ts) if is_visitor(subject) else ""

    def person(self, site: str, subject: str, ts: int) -> str:
        """The person a subject stands for at a time."""
        if not is_visitor(subject):
            return subject[1:]
        return self.owner(site, subject, ts) or f"visitor_id:{subject}"

    def of(self, fact: Fact) -> str:
        """Who an event says it was: the user it names, else whoever its subject stands for then."""
        return (
            f"user_id:{fact['user_id']}" if fact["user_id"] else self.person(fact["site"], fact["subject"], fact["ts"])
        )
