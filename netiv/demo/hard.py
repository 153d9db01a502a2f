"""Hard cases of identity, beside the shop's customers: shared devices, cleared cookies, several addresses, late CRM links.

For every event it is known whose it was, and whom an oracle that knows all links could name: the same person, but where
nothing ever said who held the device.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec

from netiv.demo.diary import Diary, Sent
from netiv.demo.people import USER_AGENTS
from netiv.demo.truth import DAY_MS

_HOUR_MS = 3_600_000
_PAGE = "https://netiv-shop.example/"
KIOSK_PEOPLE = 12  # more than a device may have neighbours


class Hard(msgspec.Struct, frozen=True):
    """Event id to person, as it was (`truth`) and as all links together could tell (`oracle`); events on shared devices."""

    prefix: str
    truth: dict[str, str]
    oracle: dict[str, str]
    on_shared: list[str]


class Cases:
    """Writes one block of cases after another."""

    def __init__(self, rng: random.Random, prefix: str, since: int, until: int) -> None:
        self._diary = Diary(rng, prefix, since, until)
        self._rng = rng
        self._truth: dict[str, str] = {}
        self._oracle: dict[str, str] = {}
        self._shared: list[str] = []
        self._at = since
        self._block = ""

    def block(self, number: int) -> None:
        """All cases once, with people of their own, over the first weeks; what the CRM knows comes in the last."""
        self._block = f"{self._diary.prefix}{number}"
        self._at = self._diary.since + self._rng.randint(1, 20) * DAY_MS
        self._cleared_cookies()
        self._several_addresses()
        self._late_card()
        self._family()
        self._kiosk()
        self._mistyped()
        self._two_domains()
        self._blanks()

    def sent(self) -> list[Sent]:
        """Everything that goes out."""
        return self._diary.sent

    def known(self) -> Hard:
        """What is true of it, and what can be known."""
        return Hard(self._diary.prefix, self._truth, self._oracle, self._shared)

    def _cleared_cookies(self) -> None:
        """One account, three cookies; on the second nobody ever logs in."""
        who, user = self._name("cleared"), self._name("u-cleared")
        self._visit(who, self._name("c1"), user_id=user)
        self._visit(who, self._name("c2"), evidence=False)
        self._visit(who, self._name("c3"))
        self._say(who, "identify", self._name("c3"), user_id=user)

    def _several_addresses(self) -> None:
        """No account, an address for the newsletter and one for the invoice; weeks later the CRM says they are one."""
        who, card = self._name("addresses"), self._name("crm-a")
        one, other = f"{card}.news@mail.example", f"{card}.bills@mail.example"
        self._visit(who, self._name("a-phone"), email=one)
        self._visit(who, self._name("a-laptop"), email=other)
        for address in (one, other):
            self._say(who, "identify", "", late=True, email=address, identifiers={"crm_id": card})

    def _late_card(self) -> None:
        """Store visits by loyalty card; the CRM tells whose card it is when all is over."""
        who, card = self._name("card"), self._name("card")
        address = f"{card}@mail.example"
        self._visit(who, self._name("card-phone"), email=address)
        for _ in range(2):
            self._say(
                who, "touch", "", identifiers={"loyalty_id": card}, touch={"kind": "store_visit", "channel": "Store"}
            )
        self._say(who, "identify", "", late=True, email=address, identifiers={"loyalty_id": card})

    def _family(self) -> None:
        """A tablet for three, who log in but rarely out, and one address for two of them."""
        tablet, home = self._name("tablet"), f"{self._block}.home@mail.example"
        people = [(self._name(f"family{n}"), self._name(f"u-family{n}")) for n in range(3)]
        for _ in range(4):
            who, user = self._rng.choice(people)
            self._visit(who, tablet, shared=True, user_id=user)
            if self._rng.random() < 0.4:
                self._say(who, "log-out", tablet, shared=True)
        for who, user in people[:2]:
            self._visit(who, self._name(f"own-{user[-7:]}"), user_id=user, email=home)

    def _kiosk(self) -> None:
        """More people than a device may have."""
        kiosk = self._name("kiosk")
        for number in range(KIOSK_PEOPLE):
            self._visit(
                self._name(f"guest{number}"), kiosk, shared=True, pages=1, user_id=self._name(f"u-guest{number}")
            )

    def _mistyped(self) -> None:
        """The first address had a typo; letters to both lead to the account."""
        who, user = self._name("typo"), self._name("u-typo")
        for address in (f"{user}@mial.example", f"{user}@mail.example"):
            self._visit(who, self._name("typo-laptop"), pages=1, user_id=user, email=address)
        for address in (f"{user}@mial.example", f"{user}@mail.example"):
            self._say(who, "touch", "", email=address, touch={"kind": "call", "channel": "Phone"})

    def _two_domains(self) -> None:
        """Blog and shop, linked by a click from one to the other; the log-in is on the shop's."""
        who, blog, shop = self._name("domains"), self._name("blog"), self._name("shop")
        self._visit(who, blog)
        self._say(who, "page", shop, identifiers={"visitor_id": blog})
        self._visit(who, shop, user_id=self._name("u-domains"))

    def _blanks(self) -> None:
        """Strangers whose forms send words for nothing."""
        for number, blank in enumerate(("null", "undefined", "NULL")):
            self._visit(self._name(f"blank{number}"), self._name(f"blank-device{number}"), pages=1, email=blank)

    def _visit(
        self, who: str, visitor: str, *, pages: int = 0, evidence: bool = True, shared: bool = False, **named: Any
    ) -> None:
        """Some pages on a device within minutes; the first of them names whoever is named."""
        self._at += self._rng.randint(5, 60) * _HOUR_MS // 10
        for number in range(pages or self._rng.randint(2, 4)):
            self._say(who, "page", visitor, evidence=evidence, shared=shared, **(named if number == 0 else {}))

    def _say(
        self,
        who: str,
        kind: str,
        visitor: str,
        *,
        evidence: bool = True,
        shared: bool = False,
        late: bool = False,
        **named: Any,
    ) -> None:
        """One event, minutes after the one before; `late`: in the last days, as an import."""
        self._at += self._rng.randint(10_000, 200_000)
        at = self._diary.until - self._rng.randint(1, 40) * _HOUR_MS if late else self._at
        event: dict[str, Any] = {"type": kind, **named}
        if kind == "log-out":
            event = {"type": "track", "name": "logged_out"}
        if kind == "page":
            event["context"] = {"url": _PAGE}
        if visitor:
            event["visitor_id"] = visitor
        event_id = f"{self._diary.prefix}e{len(self._diary.sent)}"
        agent = USER_AGENTS[len(visitor) % len(USER_AGENTS)] if visitor else ""
        via = "browser" if visitor else "server"
        self._diary.write(who, Sent(self._diary.moment(at), event, via, f"{visitor}@{at // _HOUR_MS}", agent))
        self._truth[event_id] = who
        self._oracle[event_id] = who if evidence else f"{who} on {visitor}"
        if shared:
            self._shared.append(event_id)

    def _name(self, what: str) -> str:
        return f"{self._block}-{what}"
