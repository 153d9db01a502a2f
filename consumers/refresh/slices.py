"""How much is refreshed at once: bounds memory, and is where time per visitor is best.

A slice is a stretch of keys in the order of the tables, so that it reads its own stretch of each.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

# In one slice: so many identifiers, most of which have no events of their own, or a third as many visitors of twenty events each, or
# fewer with more (about 400 MiB).
WEIGHT_MAX: Final = 120_000
VISITOR_WEIGHT: Final = 3
VISITOR_EVENTS: Final = 20
# What is not derived anew is looked at only where paths lead through it.
HISTORY_WEIGHT: Final = 0.25
# Of an event: addresses of so many bytes are copied along at no weight of their own. Percent-encoded Hebrew takes six for a letter.
ADDRESS_BYTES: Final = 400
# From so many visitors on it matters how many events they have.
MANY_VISITORS: Final = 1_000
# About so many are asked about; and what they told is taken for what others have, with room for so many times as much, in so many
# refreshes of at most so many times as many visitors.
ASKED: Final = 500
GUESS_ROOM: Final = 4
GUESSES: Final = 20
GUESS_GROWTH: Final = 2

# Of the keys in the journal: a visitor's as an identifier is not one, as a subject it stands without.
IS_SUBJECT: Final = "(NOT startsWith(subject, '~visitor_id:') OR startsWith(subject, '~visitor_id:~'))"

Key = tuple[str, str]
"""(site, subject)."""


class Stretch(msgspec.Struct, frozen=True):
    """The keys after one and up to another; None = from the first, to the last."""

    after: Key | None = None
    up_to: Key | None = None

    def condition(self) -> tuple[str, dict[str, str]]:
        """As SQL and its parameters; spelled so that the primary key is used."""
        conditions = ["1"]
        bound: dict[str, str] = {}
        if self.after is not None:
            conditions.append("(site > {s0:String} OR (site = {s0:String} AND subject > {k0:String}))")
            bound |= {"s0": self.after[0], "k0": self.after[1]}
        if self.up_to is not None:
            conditions.append("(site < {s1:String} OR (site = {s1:String} AND subject <= {k1:String}))")
            bound |= {"s1": self.up_to[0], "k1": self.up_to[1]}
        return " AND ".join(conditions), bound


class Waiting(msgspec.Struct, frozen=True):
    """What the journal names up to a cycle, as SQL with {{scratch}}. `whole`: several at once on the tables answer for whole subjects,
    for what one of them wrote may be stale from anywhere on. `others` is the condition for those that are not set aside."""

    cycle: int
    whole: bool
    others: str = "1"

    def sql(self, condition: str = "1") -> str:
        """The subjects that meet a condition, each with the time (epoch ms) from when on it is derived."""
        return (
            f"SELECT site, subject, {'toInt64(0)' if self.whole else 'min(since)'} AS since "
            f"FROM {{{{scratch}}}}.journal WHERE cycle <= {self.cycle} AND {condition} AND {self.others} AND {IS_SUBJECT} GROUP BY site, subject"
        )

    def events_sql(self, visitors: int) -> str:
        """How many events weigh in a slice of all visitors, who are so many. Asked about all of them, it would take as long as a step of
        the refresh."""
        one_of = max(1, visitors // ASKED)
        some = self.sql(f"NOT startsWith(subject, '~') AND sipHash64(subject) % {one_of} = 0")
        return f"SELECT {one_of} * sum(number) FROM ({_events_of(some)})"

    def ends_sql(self) -> str:
        """The last key of each slice: none weighs more than `WEIGHT_MAX` before its last key, so that of a busy visitor has little else.
        Each subject weighs what its own events do, for they are not spread evenly."""
        waiting = self.sql()
        weights = (
            "SELECT w.site AS site, w.subject AS subject, greatest("
            f"if(startsWith(w.subject, '~'), 1, {VISITOR_WEIGHT}), {VISITOR_WEIGHT / VISITOR_EVENTS} * n.number) AS weight "
            f"FROM ({waiting}) AS w LEFT JOIN ({_events_of(waiting)}) AS n ON n.site = w.site AND n.subject = w.subject"
        )
        return (
            "SELECT max((site, subject)) FROM (SELECT site, subject, sum(weight) OVER (ORDER BY site, subject) - weight AS before "
            f"FROM ({weights})) GROUP BY toUInt32(before / {WEIGHT_MAX}) AS slice ORDER BY slice"
        )


def _events_of(subjects: str) -> str:
    """How many events weigh of each of these subjects (SQL of `Waiting.sql`)."""
    of_texts = f"greatest(1, (length(e.url) + length(e.referrer)) / {ADDRESS_BYTES})"
    return (
        "SELECT e.site AS site, e.subject AS subject, "
        f"sum(if(toUnixTimestamp64Milli(e.ts) >= j.since, 1, {HISTORY_WEIGHT}) * {of_texts}) AS number "
        f"FROM events AS e INNER JOIN ({subjects}) AS j ON e.site = j.site AND e.subject = j.subject "
        f"WHERE (e.site, e.subject) IN (SELECT site, subject FROM ({subjects})) GROUP BY site, subject"
    )


def is_one_slice(visitors: int, identifiers: int, events: float = 0) -> bool:
    """Whether so many visitors, who have so many events together, and identifiers are little enough to be derived at once."""
    return max(VISITOR_WEIGHT * visitors, VISITOR_WEIGHT / VISITOR_EVENTS * events) + identifiers <= WEIGHT_MAX


def stretches(ends: Sequence[Key]) -> list[Stretch]:
    """All keys, cut behind each of these."""
    return [Stretch(after, up_to) for after, up_to in zip((None, *ends), (*ends, None), strict=True)]


class Guess:
    """What the events of visitors weigh, from what was lately told of others: asking takes as long as a step of the refresh."""

    def __init__(self) -> None:
        self._each = math.inf
        self._visitors = 0
        self._left = 0

    def told(self, visitors: int, events: float) -> None:
        """So many visitors have events of this weight."""
        self._each = GUESS_ROOM * events / max(1, visitors)
        self._visitors = visitors
        self._left = GUESSES

    def events(self, visitors: int) -> float:
        """What those of so many weigh at most; infinite where it is time to ask, as where suddenly many more wait: of whom something else
        than new events made whole histories dirty, perhaps."""
        if not self._left or visitors > GUESS_GROWTH * self._visitors:
            return math.inf
        self._left -= 1
        return visitors * self._each


class Cutter:
    """Cuts what waits into slices of about one weight."""

    def __init__(self, rows: Callable[[str], Awaitable[list[tuple[Any, ...]]]]) -> None:
        self._rows = rows  # asks, with the names of the working tables
        self._guess = Guess()
        self.careful = False
        """Look at the events of each subject, however few there are: what is to be derived was too much once, perhaps."""

    async def cut(self, waiting: Waiting, visitors: int, others: int) -> list[Stretch]:
        """So many visitors, and other subjects or what stands for one."""
        events = 0.0
        if visitors >= MANY_VISITORS and not self.careful:
            events = self._guess.events(visitors)
            if not is_one_slice(visitors, others, events):
                [(events,)] = await self._rows(waiting.events_sql(visitors))
                self._guess.told(visitors, events)
        if is_one_slice(visitors, others, events) and not self.careful:
            return stretches(())
        ends = await self._rows(waiting.ends_sql())
        return stretches([end for (end,) in ends[:-1]])
