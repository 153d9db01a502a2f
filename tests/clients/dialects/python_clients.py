"""One journey through a Python client of another system: `python_clients.py CLIENT URL KEY`. Exits 0 once all is sent."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

# A person takes a moment between two steps; clients whose clocks are corrected batch by batch can't order what happens
# within one millisecond.
MOMENT_S = 1.5
J: dict[str, Any] = json.loads((Path(__file__).parent / "journey.json").read_text("utf-8"))
PAGE = {"url": J["url"], "referrer": J["referrer"], "title": J["title"]}


def _segment_like(client: Any) -> None:
    visitor, user = J["visitor"], J["user"]
    context = {"page": PAGE}
    client.page(anonymous_id=visitor, name="Home", properties=PAGE, context=context)
    time.sleep(MOMENT_S)
    client.identify(user_id=user, anonymous_id=visitor, traits={"email": J["email"], "name": J["name"]})
    client.track(user_id=user, anonymous_id=visitor, event="Lead", properties=J["lead"])
    client.track(user_id=user, anonymous_id=visitor, event="Order Completed", properties=dict(J["order"]))
    for number in range(J["batch"]):
        client.track(user_id=user, anonymous_id=visitor, event="Viewed", properties={"number": number})


def segment(url: str, key: str) -> None:
    from segment.analytics.client import Client

    client = Client(key, host=url, gzip=True)
    _segment_like(client)
    client.shutdown()


def rudder(url: str, key: str) -> None:
    from rudderstack.analytics.client import Client

    client = Client(key, host=url)
    _segment_like(client)
    client.flush()  # `join` ends after the batch under way, whatever still waits
    client.join()


def snowplow(url: str, key: str) -> None:
    from snowplow_tracker import Emitter, PageView, SelfDescribing, SelfDescribingJson, Subject, Tracker

    subject = Subject()
    subject.set_platform("web").set_domain_user_id(J["visitor"])
    tracker = Tracker("py", Emitter(url, protocol="http", batch_size=7), subject, app_id=key)
    tracker.track(PageView(J["url"], J["title"], J["referrer"]))
    time.sleep(MOMENT_S)
    subject.set_user_id(J["user"])
    tracker.track(SelfDescribing(SelfDescribingJson("iglu:com.example/lead/jsonschema/1-0-0", J["lead"])))
    order = J["order"]
    commerce = "iglu:com.snowplowanalytics.snowplow.ecommerce"
    entities = [
        SelfDescribingJson(
            f"{commerce}/transaction/jsonschema/1-0-0",
            {"transaction_id": order["order_id"], "revenue": order["revenue"], "currency": order["currency"]},
        ),
        *(SelfDescribingJson(f"{commerce}/product/jsonschema/1-0-0", line) for line in order["products"]),
    ]
    action = SelfDescribingJson(f"{commerce}/snowplow_ecommerce_action/jsonschema/1-0-2", {"type": "transaction"})
    tracker.track(SelfDescribing(action, context=entities))
    for number in range(J["batch"]):
        tracker.track(
            SelfDescribing(SelfDescribingJson("iglu:com.example/viewed/jsonschema/1-0-0", {"number": number}))
        )
    tracker.flush()


def posthog(url: str, key: str) -> None:
    from posthog import Posthog

    client = Posthog(key, host=url, gzip=True)
    visitor, user = J["visitor"], J["user"]
    client.capture("$pageview", distinct_id=visitor, properties={"$current_url": J["url"], "$referrer": J["referrer"]})
    time.sleep(MOMENT_S)
    client.alias(visitor, user)
    client.set(distinct_id=user, properties={"email": J["email"], "name": J["name"]})
    client.capture("lead", distinct_id=user, properties=J["lead"])
    client.capture("Order Completed", distinct_id=user, properties=J["order"])
    for number in range(J["batch"]):
        client.capture("Viewed", distinct_id=user, properties={"number": number})
    client.shutdown()


def ga4(url: str, key: str) -> None:
    from ga4mp import GtagMP

    client = GtagMP(api_secret="not-ours", measurement_id=key, client_id="1234567890.1700000000")
    client._base_domain = f"{url}/mp/collect"  # the only way to another host

    def send(*made: tuple[str, dict[str, Any]]) -> None:
        events = []
        for name, parameters in made:
            event = client.create_new_event(name)
            for parameter, value in parameters.items():
                event.set_event_param(parameter, value)
            events.append(event)
        client.send(events)

    order = J["order"]
    send(("page_view", {"page_location": J["url"], "page_title": J["title"], "page_referrer": J["referrer"]}))
    send(("login", {"method": "email", "user_id": J["user"]}))
    send(("generate_lead", {"note": J["lead"]["note"]}))
    items = [{"item_id": line["sku"], "price": line["price"]} for line in order["products"]]
    send(
        (
            "purchase",
            {
                "transaction_id": order["order_id"],
                "value": order["revenue"],
                "currency": order["currency"],
                "items": items,
            },
        )
    )
    send(*(("viewed", {"number": number}) for number in range(J["batch"])))


if __name__ == "__main__":
    {"segment": segment, "rudder": rudder, "snowplow": snowplow, "posthog": posthog, "ga4": ga4}[sys.argv[1]](
        *sys.argv[2:]
    )
