"""Who is who, from the definitions: identifiers by rank, owned over time; nothing is merged but by alias and device links.

Slow and recursive on purpose: an owner is looked up through the owners of whatever identified it.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from consumers.enrich.identifiers import hash_email, hash_phone
from consumers.rules.identity import IdentityRules
from schemas.clicks import CLICK_IDS
from tests.model.facts import Fact, is_visitor

Id = tuple[str, str]
Node = tuple[str, Id]  # of a site
Row = dict[str, Any]
NONE: Id = ("", "")
DEVICES = {"visitor_id", "device_id", "idfa", "idfv", "gaid", "android_id"}


class Retraction(NamedTuple):
    """A link taken back; what is empty is any."""

    site: str
    one: Id = NONE
    other: Id = NONE
    event_id: str = ""


def subject_id(subject: str) -> Id:
    """A subject as an identifier."""
    if is_visitor(subject):
        return "visitor_id", subject
    kind, value = subject[1:].split(":", 1)
    return kind, value


def name_of(one: Id) -> str:
    return f"{one[0]}:{one[1]}"


class Ranks:
    """The rules of identity, read plainly."""

    def __init__(self, rules: IdentityRules) -> None:
        self._rules = rules
        self._known = {one.type: one for one in rules.types}
        self._contacts = [one.type for one in rules.types if one.rank == "contact"]

    def rank(self, kind: str) -> str:
        if kind in self._known:
            return self._known[kind].rank
        return "trace" if kind in CLICK_IDS else "nobody" if kind == "event" else "contact"

    def level(self, kind: str) -> tuple[int, int]:
        """Smaller is stronger; contacts stand in the order of the file, unknown ones after them."""
        rank = self.rank(kind)
        place = ("anchor", "contact", "device", "trace", "nobody").index(rank)
        if rank != "contact":
            return place, 0
        return place, self._contacts.index(kind) if kind in self._contacts else len(self._contacts)

    def limit(self, kind: str) -> float:
        if kind in self._known:
            return self._known[kind].neighbours or float("inf")
        most = self._rules.click_neighbours if kind in CLICK_IDS else self._rules.other_neighbours
        return most or float("inf")

    def linked(self) -> float:
        """How many devices may be one by their links."""
        return self._rules.linked_devices or float("inf")

    def blocked(self, one: Id) -> bool:
        kind, value = one
        hashed = {"email": hash_email, "phone": hash_phone}.get(kind)
        for rule in self._rules.blocked:
            if rule.type not in ("", kind):
                continue
            if hashed:
                if value in {hashed(listed) for listed in rule.values}:
                    return True
                continue
            plain = value.strip(" ").lower()
            if plain in {listed.strip(" ").lower() for listed in rule.values}:
                return True
            if any(re.search(pattern, plain) for pattern in rule.patterns):
                return True
        return False


def named_by(fact: Fact) -> tuple[list[Id], list[Id]]:
    """(identifiers the event is about, second ones of a type with a field of its own)."""
    first: list[Id] = [(kind, fact[kind]) for kind in ("user_id", "visitor_id") if fact[kind]]
    second: list[Id] = []
    for kind, value in fact["identifiers"].items():
        if kind and value and (kind, value) not in first:
            (second if kind in ("user_id", "visitor_id") and fact[kind] else first).append((kind, value))
    if fact["click_id"] and (fact["click_id_type"], fact["click_id"]) not in first:
        first.append((fact["click_id_type"], fact["click_id"]))
    return first, second


def pairs_of(fact: Fact) -> list[tuple[Id, Id]]:
    """Pairs that are evidence: of different types; of one type on an alias, or where both are devices."""
    first, second = named_by(fact)
    pairs = [*itertools.combinations(first, 2), *((a, b) for b in second for a in first)]

    def evidence(a: Id, b: Id) -> bool:
        if a[0] in DEVICES and b[0] in DEVICES:
            return True
        if a[0] == b[0]:
            return bool(fact["type"] == "alias")
        return b not in second

    return [pair for pair in pairs if evidence(*pair)]


class Persons:
    """Who did what, of one set of facts, rules and retractions."""

    def __init__(self, facts: list[Fact], rules: IdentityRules, retractions: Iterable[Retraction] = ()) -> None:
        self.ranks = Ranks(rules)
        self._retractions = list(retractions)
        self._links: dict[Node, list[tuple[Id, Fact]]] = defaultdict(list)
        self._left: dict[Node, list[int]] = defaultdict(list)
        self._owners: dict[tuple[Node, int], str] = {}
        for fact in facts:
            self._read(fact)
        self.crowds: set[Node] = set()
        self._groups = self._join()

    def _read(self, fact: Fact) -> None:
        site = fact["site"]
        for a, b in pairs_of(fact):
            if not self._retracted(site, a, b, fact["event_id"]):
                self._links[site, a].append((b, fact))
                self._links[site, b].append((a, fact))
        if fact["type"] == "track" and fact["name"] == "logged_out":
            for one in named_by(fact)[0]:
                if one[0] in DEVICES and not self._retracted(site, one, NONE, fact["event_id"]):
                    self._left[site, one].append(fact["ts"])

    def _retracted(self, site: str, a: Id, b: Id, event_id: str) -> bool:
        return any(
            r.site == site and r.event_id in ("", event_id) and r.one in (NONE, x) and r.other in (NONE, y)
            for r in self._retractions
            for x, y in ((a, b), (b, a))
        )

    def _standing(self, node: Node) -> list[tuple[Id, Fact]]:
        return (
            [] if self.blocked(node) else [link for link in self._links[node] if not self.blocked((node[0], link[0]))]
        )

    def blocked(self, node: Node) -> bool:
        return self.ranks.blocked(node[1])

    def neighbours(self, node: Node) -> int:
        """How many others it is linked to; traces don't count."""
        return len({other for other, _ in self._standing(node) if self.ranks.rank(other[0]) != "trace"})

    def suppressed(self, node: Node) -> bool:
        return self.neighbours(node) > self.ranks.limit(node[1][0])

    def _join(self) -> dict[Node, frozenset[Node]]:
        """Groups: devices linked to devices, anchors to anchors by an alias with the secret key. Of too many devices each stands alone."""
        groups: dict[Node, frozenset[Node]] = {}
        for node in list(self._links):
            if node not in groups:
                found, frontier = {node}, [node]
                while frontier:
                    new = self._beside(frontier.pop()) - found
                    found |= new
                    frontier += new
                if self.ranks.rank(node[1][0]) == "device" and len(found) > self.ranks.linked():
                    self.crowds |= found
                    groups.update({one: frozenset({one}) for one in found})
                else:
                    groups.update(dict.fromkeys(found, frozenset(found)))
        return groups

    def _beside(self, node: Node) -> set[Node]:
        rank = self.ranks.rank(node[1][0])
        found = set()
        if rank in ("anchor", "device") and not self.suppressed(node):
            for other, fact in self._standing(node):
                if self._joins(node, other, fact) and not self.suppressed((node[0], other)):
                    found.add((node[0], other))
        return found

    def _joins(self, node: Node, other: Id, fact: Fact) -> bool:
        rank = self.ranks.rank(node[1][0])
        by_alias = rank == "anchor" and fact["type"] == "alias" and fact["secret"]
        return self.ranks.rank(other[0]) == rank and bool(rank == "device" or by_alias)

    def self_name(self, node: Node) -> str:
        """Who an identifier is while nobody owns it."""
        return min(name_of(member[1]) for member in self._groups.get(node, {node}))

    def _logins(self, node: Node) -> list[tuple[int, str, str]]:
        """(time, event, person) of every identification of an identifier, or of any of its group."""
        if self.suppressed(node):
            return []
        tops: dict[tuple[str, str], list[tuple[Any, Fact]]] = defaultdict(list)
        for member in self._groups.get(node, {node}):
            for top, fact in self._standing(member):
                if self.ranks.level(top[0]) < self.ranks.level(member[1][0]) and not self.suppressed((node[0], top)):
                    tops[fact["subject"], fact["event_id"]].append(((self.ranks.level(top[0]), top), fact))
        logins = []
        for found in tops.values():
            (_, top), fact = min(found, key=lambda one: one[0])
            logins.append((fact["ts"], fact["event_id"], self.person_of((node[0], top), fact["ts"])))
        return sorted(logins)

    def _logouts(self, node: Node) -> list[int]:
        if self.suppressed(node) or self.ranks.rank(node[1][0]) != "device":
            return []
        return [ts for member in self._groups.get(node, {node}) for ts in self._left[member]]

    def owner_of(self, node: Node, ts: int) -> str:
        """The owner at a time, '' for nobody."""
        if (node, ts) not in self._owners:
            self._owners[node, ts] = self._owner_of(node, ts)
        return self._owners[node, ts]

    def _owner_of(self, node: Node, ts: int) -> str:
        logins = [] if self.blocked(node) else self._logins(node)
        if not logins:
            return ""
        # Before the first log-in its owner holds; of several in one millisecond the last one is the log-in.
        before = [login for login in logins if login[0] <= ts]
        login = before[-1] if before else [login for login in logins if login[0] == logins[0][0]][-1]
        left = before and any(login[0] <= logout < ts for logout in self._logouts(node))
        return "" if left else login[2]

    def person_of(self, node: Node, ts: int) -> str:
        """The person an identifier stands for at a time."""
        return self.owner_of(node, ts) or self.self_name(node)

    def history(self, node: Node) -> list[tuple[int, str]]:
        """Stretches (owned from, owner); the first reaches back for ever."""
        logins, logouts = ([], []) if self.blocked(node) else (self._logins(node), self._logouts(node))
        times = sorted({login[0] for login in logins} | {t + 1 for t in logouts})
        stretches = [(0, self.owner_of(node, 0))]
        for ts in times:
            if self.owner_of(node, ts) != stretches[-1][1]:
                stretches.append((ts, self.owner_of(node, ts)))
        return stretches

    def seen(self, node: Node) -> list[int]:
        """When links name an identifier that has neighbours."""
        if not self.neighbours(node):
            return []
        return [fact["ts"] for _, fact in self._standing(node)] + self._left[node]

    def aliases_without_key(self, node: Node) -> list[Row]:
        """Links by an alias that would join two anchors, had it been sent with the secret key."""
        if self.ranks.rank(node[1][0]) != "anchor":
            return []
        return [
            {"event_id": fact["event_id"], "other": name_of(other), "ts": fact["ts"]}
            for other, fact in self._standing(node)
            if self.ranks.rank(other[0]) == "anchor" and fact["type"] == "alias" and not fact["secret"]
        ]

    def counting(self) -> set[tuple[str, Id, Id, str]]:
        """Links that say who is who, in both directions: (site, one, other, event)."""
        return {
            (node[0], node[1], other, fact["event_id"])
            for node in self._links
            for other, fact in self._standing(node)
            if not self.suppressed(node)
            and not self.suppressed((node[0], other))
            and (
                self.ranks.level(other[0]) != self.ranks.level(node[1][0])
                or (self._joins(node, other, fact) and node not in self.crowds)
            )
        }

    def nodes(self) -> list[Node]:
        """All identifiers that links name."""
        return list(self._links)

    def owner(self, site: str, subject: str, ts: int) -> str:
        return self.owner_of((site, subject_id(subject)), ts)

    def person(self, site: str, subject: str, ts: int) -> str:
        """The person a subject stands for at a time."""
        return self.person_of((site, subject_id(subject)), ts)

    def of(self, fact: Fact) -> str:
        """Who an event says it was: its strongest own identifier that connects somebody, else one that does not."""
        own = subject_id(fact["subject"])
        found = []
        for one in named_by(fact)[0]:
            node = (fact["site"], one)
            if self.blocked(node) or (one != own and self._retracted(fact["site"], own, one, fact["event_id"])):
                continue
            # (dead end, better than nothing): a trace leads somewhere or nowhere, any other connects or does not
            leads = bool(self.owner_of(node, fact["ts"]))
            weak = self.ranks.rank(one[0]) == "trace"
            precedence = (1 if leads else 3) if weak else 2 * self.suppressed(node)
            found.append((precedence, self.ranks.level(one[0]), one))
        return self.person_of((fact["site"], min(found)[2]), fact["ts"]) if found else f"event:{fact['event_id']}"

    def is_named(self, fact: Fact) -> bool:
        """Whether it is somebody by name, not by device."""
        return self.ranks.rank(self.of(fact).split(":", 1)[0]) in ("anchor", "contact")
