"""One order, told by the browser, the server, a webhook and an import, each naming the person its own way, in all 24
orders of arrival: one conversion, the same one."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from simulation.stack import Stack

from collector.webhooks.signature import generic
from netiv.http import Client
from schemas.sites import Key, Site, Sites, dump, hash_key
from schemas.webhooks import Webhook, Webhooks
from schemas.webhooks import dump as dump_webhooks

ARRIVALS = list(itertools.permutations(("browser", "server", "webhook", "import")))
HOOK = "whsec_of_every_site"
MAPPING = {
    "type": {"const": "conversion"}, "name": {"const": "purchase"}, "email": "/mail", "order.id": "/order", "order.value": "/sum",
    "order.currency": {"const": "ILS"}, "created_at": "/at",
}  # fmt: skip
AT = "2026-11-20T10:00:00Z"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("sources"))
    names = [f"s{number}" for number in range(len(ARRIVALS))]
    sites = [Site(name, [Key(hash_key(f"wk_{name}"))], [Key(hash_key(f"sk_{name}"))]) for name in names]
    (running.folder / "data" / "sites.json").write_bytes(dump(Sites(sites)))
    hooks = [Webhook(name, name, HOOK, "generic", MAPPING) for name in names]
    (running.folder / "data" / "webhooks.json").write_bytes(dump_webhooks(Webhooks(hooks)))
    yield running
    assert running.stop() == 0


def browser(client: Client, site: str) -> int:
    """As analytics.js says it; the order's value with the client's rounding."""
    message = {"type": "track", "event": "Order Completed", "anonymousId": "v-1", "messageId": "m-1", "originalTimestamp": AT,
               "properties": {"order_id": "ord-1", "revenue": 350, "currency": "ILS"}}  # fmt: skip
    token = base64.b64encode(f"wk_{site}:".encode()).decode()
    return client.request(
        "POST", "/v1/t", json.dumps(message).encode(), {"authorization": f"Basic {token}", "user-agent": "Mozilla/5.0"}
    ).status


def native(client: Client, site: str, event: dict[str, Any], **headers: str) -> int:
    lines = {"authorization": f"Bearer sk_{site}", **headers}
    return client.request(
        "POST", "/v1/events", json.dumps({"type": "conversion", "created_at": AT, **event}).encode(), lines
    ).status


def server(client: Client, site: str) -> int:
    order = {"id": "ord-1", "value": 349.9, "currency": "ILS"}
    return native(client, site, {"name": "purchase", "user_id": "u-1", "visitor_id": "v-1", "order": order})


def imported(client: Client, site: str) -> int:
    event = {"name": "purchase", "identifiers": {"loyalty_id": "club-1"}, "order": {"id": "ord-1", "value": 349}}
    return native(client, site, event, **{"x-netiv-import": "1"})


def webhook(client: Client, site: str) -> int:
    raw = json.dumps({"mail": "dana@example.co.il", "order": "ord-1", "sum": 349.9, "at": AT}).encode()
    now, path = str(int(time.time())), f"/webhooks/{site}"
    headers = {"x-netiv-timestamp": now, "x-netiv-signature": generic(HOOK, now, "", path, raw)}
    return client.request("POST", path, raw, headers).status


SOURCES: dict[str, Callable[[Client, str], int]] = {
    "browser": browser,
    "server": server,
    "webhook": webhook,
    "import": imported,
}


def test_one_order_is_one_conversion_in_any_order_of_arrival(stack: Stack) -> None:
    client = Client(stack.url)
    for number, arrival in enumerate(ARRIVALS):
        for source in arrival:
            assert SOURCES[source](client, f"s{number}") in (200, 202), (source, arrival)
    client.close()
    stack.wait_derived()
    warehouse = stack.warehouse()
    rows = warehouse.query(
        "SELECT site, name, order_id, value, currency, person_id, reported_by, ts FROM v_conversions"
    ).rows
    warehouse.close()
    assert len(rows) == len(ARRIVALS) == 24
    for site, *conversion in rows:
        expected = [
            "purchase",
            "ord-1",
            349.9,
            "ILS",
            "user_id:u-1",
            ["browser", "import", "server", "webhook"],
            "2026-11-20 10:00:00.000",
        ]
        assert conversion == expected, (site, ARRIVALS[int(site[1:])])
