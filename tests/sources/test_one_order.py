"""One order, told by the browser, the server, a webhook and an import, each naming the person its own way or hardly, in all
24 orders of arrival: one conversion, the same one."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from simulation.stack import Stack

from collector.webhooks.signature import generic
from consumers.enrich.identifiers import hash_email
from netiv.http import Client
from schemas.sites import Key, Site, Sites, dump, hash_key
from schemas.webhooks import Webhook, Webhooks
from schemas.webhooks import dump as dump_webhooks

ARRIVALS = list(itertools.permutations(("browser", "server", "webhook", "import")))
HOOK = "whsec_of_every_site"
MAIL = "dana@example.co.il"
MAPPING = {
    "type": {"const": "conversion"}, "name": {"const": "purchase"}, "email": "/mail", "identifiers.crm_id": "/crm", "user_id": "/user",
    "visitor_id": "/visitor", "order.id": "/order", "order.value": "/sum", "order.currency": {"const": "ILS"}, "created_at": "/at",
}  # fmt: skip
AT = "2026-11-20T10:00:00Z"
Who = dict[str, Any]


class Known(NamedTuple):
    """What each source knows of the person, and who that is in the end."""

    person: str
    server: Who
    imported: Who
    webhook: dict[str, str]


WAYS = {
    "all": Known("user_id:u-1", {"user_id": "u-1", "visitor_id": "v-1"}, {"identifiers": {"loyalty_id": "club-1"}}, {"mail": MAIL}),
    # nobody knows an account: the contact of the most trusted source that names one
    "contacts": Known(f"email:{hash_email(MAIL)}", {"visitor_id": "v-1"}, {"identifiers": {"loyalty_id": "club-1"}}, {"mail": MAIL}),
    # each knows a part, and the parts lead to one account
    "chain": Known("user_id:u-1", {"email": MAIL}, {"email": MAIL, "identifiers": {"crm_id": "7"}}, {"crm": "7", "user": "u-1"}),
    # nobody knows more than the browser
    "visitor": Known("visitor_id:v-1", {"visitor_id": "v-1"}, {"visitor_id": "v-1"}, {"visitor": "v-1"}),
}  # fmt: skip
SITES = [f"{way}-{number}" for way in WAYS for number in range(len(ARRIVALS))] + ["meta-0", "meta-1", "meta-2"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("sources"))
    sites = [Site(name, [Key(hash_key(f"wk_{name}"))], [Key(hash_key(f"sk_{name}"))]) for name in SITES]
    (running.folder / "data" / "sites.json").write_bytes(dump(Sites(sites)))
    hooks = [Webhook(name, name, HOOK, "generic", MAPPING) for name in SITES]
    (running.folder / "data" / "webhooks.json").write_bytes(dump_webhooks(Webhooks(hooks)))
    yield running
    assert running.stop() == 0


def browser(client: Client, site: str, known: Known) -> int:
    """As analytics.js says it; the order's value with the client's rounding."""
    message = {"type": "track", "event": "Order Completed", "anonymousId": "v-1", "messageId": "m-1", "originalTimestamp": AT,
               "properties": {"order_id": "ord-1", "revenue": 350, "currency": "ILS"}}  # fmt: skip
    token = base64.b64encode(f"wk_{site}:".encode()).decode()
    headers = {"authorization": f"Basic {token}", "user-agent": "Mozilla/5.0"}
    return client.request("POST", "/v1/t", json.dumps(message).encode(), headers).status


def native(client: Client, site: str, event: dict[str, Any], **headers: str) -> int:
    lines = {"authorization": f"Bearer sk_{site}", **headers}
    whole = {"type": "conversion", "name": "purchase", "created_at": AT, **event}
    return client.request("POST", "/v1/events", json.dumps(whole).encode(), lines).status


def server(client: Client, site: str, known: Known) -> int:
    return native(client, site, {**known.server, "order": {"id": "ord-1", "value": 349.9, "currency": "ILS"}})


def imported(client: Client, site: str, known: Known) -> int:
    return native(client, site, {**known.imported, "order": {"id": "ord-1", "value": 349}}, **{"x-netiv-import": "1"})


def webhook(client: Client, site: str, known: Known) -> int:
    raw = json.dumps({**known.webhook, "order": "ord-1", "sum": 349.9, "at": AT}).encode()
    now, path = str(int(time.time())), f"/webhooks/{site}"
    headers = {"x-netiv-timestamp": now, "x-netiv-signature": generic(HOOK, now, "", path, raw)}
    return client.request("POST", path, raw, headers).status


SOURCES: dict[str, Callable[[Client, str, Known], int]] = {
    "browser": browser, "server": server, "webhook": webhook, "import": imported,
}  # fmt: skip


@pytest.fixture(scope="module")
def found(stack: Stack) -> dict[str, list[Any]]:
    """The conversion of every site, after all was sent."""
    client = Client(stack.url)
    for way, known in WAYS.items():
        for number, arrival in enumerate(ARRIVALS):
            for source in arrival:
                assert SOURCES[source](client, f"{way}-{number}", known) in (200, 202), (source, arrival)
    client.close()
    stack.wait_derived()
    warehouse = stack.warehouse()
    sql = "SELECT site, name, order_id, value, currency, person_id, reported_by, ts FROM v_conversions WHERE order_id = 'ord-1'"
    rows = warehouse.query(sql).rows
    warehouse.close()
    assert sorted(row[0] for row in rows) == sorted(site for site in SITES if not site.startswith("meta")), "one each"
    return {site: conversion for site, *conversion in rows}


@pytest.mark.parametrize("way", WAYS)
def test_one_order_is_one_conversion_in_any_order_of_arrival(found: dict[str, list[Any]], way: str) -> None:
    reported_by = ["browser", "import", "server", "webhook"]
    expected = ["purchase", "ord-1", 349.9, "ILS", WAYS[way].person, reported_by, "2026-11-20 10:00:00.000"]
    for number, arrival in enumerate(ARRIVALS):
        assert found[f"{way}-{number}"] == expected, arrival


def pixel_and_server(client: Client, site: str, name: str, later_h: float) -> None:
    """One event id told by a page, and by a server in the shape of Meta's Conversions API; no order id."""
    at = 1_790_000_000_000  # long enough ago for both
    event = {
        "type": "track",
        "name": "Order Completed",
        "event_id": "fb-7",
        "visitor_id": "v-1",
        "created_at": at,
        "properties": {"value": 350},
    }
    headers = {"authorization": f"Bearer wk_{site}", "user-agent": "Mozilla/5.0"}
    assert client.request("POST", "/v1/events", json.dumps(event).encode(), headers).status == 202
    told = {
        "event_name": name, "event_id": "fb-7", "event_time": at // 1000 + int(later_h * 3600), "action_source": "website",
        "user_data": {"external_id": ["u-1"]}, "custom_data": {"value": 349.9, "currency": "ILS"},
    }  # fmt: skip
    path = f"/v21.0/1234567890/events?access_token=sk_{site}"
    assert (
        client.request("POST", path, json.dumps({"data": [told]}).encode(), {"content-type": "application/json"}).status
        == 200
    )


def test_one_event_id_of_two_sources(stack: Stack) -> None:
    client = Client(stack.url)
    for site, name, later_h in (("meta-0", "Purchase", 0.1), ("meta-1", "Purchase", 49), ("meta-2", "Lead", 0.1)):
        pixel_and_server(client, site, name, later_h)
    client.close()
    stack.wait_derived()
    warehouse = stack.warehouse()
    rows = warehouse.query(
        "SELECT site, name, value, currency, reported_by FROM v_conversions WHERE site LIKE 'meta-%' ORDER BY ALL"
    ).rows
    warehouse.close()
    server, page = [349.9, "ILS", ["server"]], [350, "", ["browser"]]
    assert rows == [
        ["meta-0", "purchase", 349.9, "ILS", ["browser", "server"]],
        ["meta-1", "purchase", *server], ["meta-1", "purchase", *page],
        ["meta-2", "lead", *server], ["meta-2", "purchase", *page],
    ]  # fmt: skip
