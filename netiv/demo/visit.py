"""One visit of the shop: pages, a look at products, perhaps a log-in, perhaps a purchase. Writes events and truth."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from netiv.demo.channels import Arrival
from netiv.demo.diary import Diary, Order, Sent
from netiv.demo.people import Device, Person
from netiv.demo.truth import Session, Touch

HOST = "https://netiv-shop.example"
PAYMENT = "https://secure.payments.example/return"
PRODUCTS = (
    ("נעלי שטח", "trail-shoes", 38_990),
    ("תיק גב", "backpack", 24_950),
    ("בקבוק תרמי", "bottle", 8_990),
    ("Rain jacket", "rain-jacket", 45_900),
    ("Head torch", "head-torch", 12_500),
    ("מפת שבילים", "trail-map", 6_900),
)
_STEP_MS = (4_000, 240_000)


class Plan(msgspec.Struct, frozen=True):
    """What happens in a visit. `known`: logged in when it begins; `login`: logs in during it."""

    person: Person
    device: Device
    arrival: Arrival
    at: int
    known: bool
    login: bool = False
    sign_up: bool = False
    buy: bool = False
    late: bool = False


class Visit:
    """A visit under way."""

    def __init__(self, diary: Diary, plan: Plan) -> None:
        self._diary = diary
        self._plan = plan
        self._at = plan.at
        self._known = plan.known
        self._events: list[int] = []
        self._url = ""
        self._flow = f"{plan.device.visitor_id}@{plan.at}"

    def run(self) -> Order | None:
        """Live through it; the order, if it came to one. Times move on to `ended_at`."""
        rng, plan = self._diary.rng, self._plan
        order: Order | None = None
        self._arrive()
        self._browse(rng.randint(0, 3))
        if plan.login:
            self._log_in()
        if plan.buy:
            order = self._buy()
        if plan.device.shared:
            self._event({"type": "track", "name": "logged_out"})
        self._keep_truth()
        return order

    @property
    def ended_at(self) -> int:
        """The time of the last event."""
        return self._events[-1]

    def _arrive(self) -> None:
        arrival, rng = self._plan.arrival, self._diary.rng
        language = "he" if self._plan.person.hebrew else "en"
        query: dict[str, str] = {}
        if arrival.medium:
            query = {
                "utm_source": arrival.source,
                "utm_medium": arrival.medium,
                "utm_campaign": rng.choice(arrival.campaigns),
            }
        if arrival.click_id:
            query[arrival.click_id] = f"{self._diary.prefix}{arrival.click_id}{rng.getrandbits(64):x}"
        self._url = f"{HOST}/{language}/" + (f"?{urlencode(query)}" if query else "")
        self._page(arrival.referrer)
        if query and rng.random() < 0.1:
            self._page(arrival.referrer)  # a reload of the landing page is no second visit

    def _browse(self, pages: int) -> None:
        rng = self._diary.rng
        for _ in range(pages):
            name, slug, price = rng.choice(PRODUCTS)
            before, self._url = self._url, f"{HOST}/products/{slug}?name={quote(name)}"
            self._page(before)
            if rng.random() < 0.6:
                self._event(
                    {"type": "track", "name": "product_view", "properties": {"product": name, "price": price / 100}}
                )

    def _log_in(self) -> None:
        self._known = True
        self._event({"type": "identify", "properties": {"language": "he" if self._plan.person.hebrew else "en"}})
        if self._plan.sign_up:
            at = self._event({"type": "conversion", "name": "sign_up"})
            self._diary.orders.append(Order(self._plan.person.name, at, "sign_up", "", 0))

    def _buy(self) -> Order:
        rng = self._diary.rng
        items = [rng.choice(PRODUCTS) for _ in range(rng.randint(1, 3))]
        for name, slug, _ in items:
            self._event({"type": "track", "name": "add_to_cart", "properties": {"product": name, "sku": slug}})
        before, self._url = self._url, f"{HOST}/checkout"
        self._page(before)
        if rng.random() < 0.5:  # back from the payment provider: neither a new session nor a source
            self._url = f"{HOST}/checkout/thanks"
            self._page(PAYMENT)
        value = sum(price for _, _, price in items)
        order_id = self._diary.order_id()
        lines = [{"sku": slug, "name": name, "price": price / 100, "quantity": 1} for name, slug, price in items]
        order = {"id": order_id, "value": value / 100, "currency": "ILS", "items": lines}
        at = self._event({"type": "conversion", "name": "purchase", "order": order})
        made = Order(self._plan.person.name, at, "purchase", order_id, value)
        self._diary.orders.append(made)
        return made

    def _page(self, referrer: str) -> None:
        context = {"url": self._url, **({"referrer": referrer} if referrer else {})}
        self._event({"type": "page", "context": context})

    def _event(self, event: dict[str, Any]) -> int:
        """Send one event of this visit; its time."""
        diary, plan = self._diary, self._plan
        at = diary.moment(self._at)
        who = {"visitor_id": plan.device.visitor_id, **({"user_id": plan.person.user_id} if self._known else {})}
        sent = Sent(at, {**event, **who}, "browser", self._flow, plan.device.user_agent, plan.late)
        diary.write(plan.person.name, sent)
        self._events.append(at)
        self._at = at + diary.rng.randint(*_STEP_MS)
        return at

    def _keep_truth(self) -> None:
        plan, first, last = self._plan, self._events[0], self._events[-1]
        name, channel = plan.person.name, plan.arrival.channel
        self._diary.sessions.append(Session(plan.device.visitor_id, name, first, last, len(self._events), channel))
        self._diary.touches.append(Touch(first, name, "visit", channel, plan.arrival.node))
