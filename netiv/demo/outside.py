"""What happens outside the shop's pages: touches, store purchases, pick-ups, the server's own reports, refunds."""

from __future__ import annotations

from typing import Any

from netiv.demo.channels import PHONE_CALL, STORE_VISIT, Reach
from netiv.demo.diary import Diary, Order, Sent
from netiv.demo.people import Device, Person
from netiv.demo.truth import DAY_MS, Touch

_MINUTE_MS = 60_000


def touch(diary: Diary, person: Person, device: Device, reach: Reach, at: int) -> None:
    """One explicit touch, by the device or, where the person is known, by the account."""
    at = diary.moment(at)
    what: dict[str, Any] = {
        "kind": reach.kind,
        "channel": reach.channel,
        "source": reach.source,
        "medium": reach.medium,
        "campaign": diary.rng.choice(reach.campaigns),
    }
    if reach.cost:
        what["cost"] = reach.cost
    who = {"user_id": person.user_id} if reach.by == "user" else {"visitor_id": device.visitor_id}
    agent = "" if reach.via == "server" else device.user_agent
    diary.write(person.name, Sent(at, {"type": "touch", **who, "touch": what}, reach.via, f"touch@{at}", agent))
    diary.touches.append(Touch(at, person.name, reach.kind, reach.channel, reach.node))


def server_report(diary: Diary, person: Person, order: Order) -> None:
    """The shop's back end reports the same order, by account, with the order's own time."""
    body = {"id": order.order_id, "value": order.value / 100, "currency": "ILS"}
    event = {"type": "track", "name": "Order Completed", "user_id": person.user_id, "order": body}
    diary.write(person.name, Sent(order.ts, event, "server", f"report@{order.ts}"))


def pick_up(diary: Diary, person: Person, order: Order) -> None:
    """The order is collected in the store, one to three days later."""
    at = order.ts + diary.rng.randint(DAY_MS, 3 * DAY_MS)
    if at < diary.until:
        touch(diary, person, person.devices[0], STORE_VISIT, at)


def refund(diary: Diary, who: dict[str, str], person: Person, order: Order) -> None:
    """All or a part of the money goes back, two to ten days later."""
    rng = diary.rng
    at = order.ts + rng.randint(2 * DAY_MS, 10 * DAY_MS)
    if at >= diary.until:
        return
    amount = order.value if rng.random() < 0.4 else order.value * rng.randint(10, 60) // 100
    at = diary.moment(at)
    body = {"id": order.order_id, "value": amount / 100, "currency": "ILS"}
    diary.write(person.name, Sent(at, {"type": "refund", **who, "order": body}, "server", f"refund@{at}"))
    order.value -= amount


def store_purchase(diary: Diary, person: Person, at: int) -> None:
    """A visit to the store that ends at the till."""
    touch(diary, person, person.devices[0], STORE_VISIT, at)
    paid_at = diary.moment(at + diary.rng.randint(5, 25) * _MINUTE_MS)
    value = diary.rng.randint(50, 900) * 100 + 90
    order_id = diary.order_id()
    body = {"id": order_id, "value": value / 100, "currency": "ILS"}
    event = {"type": "conversion", "name": "store_purchase", "user_id": person.user_id, "order": body}
    diary.write(person.name, Sent(paid_at, event, "server", f"till@{paid_at}"))
    diary.orders.append(Order(person.name, paid_at, "store_purchase", order_id, value))


def phone_lead(diary: Diary, person: Person, at: int) -> None:
    """A call that becomes a lead."""
    touch(diary, person, person.devices[0], PHONE_CALL, at)
    won_at = diary.moment(at + diary.rng.randint(3, 15) * _MINUTE_MS)
    event = {"type": "conversion", "name": "lead", "user_id": person.user_id}
    diary.write(person.name, Sent(won_at, event, "server", f"lead@{won_at}"))
    diary.orders.append(Order(person.name, won_at, "lead", "", 0))
