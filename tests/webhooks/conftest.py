"""A collector with webhooks, and senders who sign."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collector_server import Reply, Running, wait_until, write_sites

from collector.app import create_app
from collector.server import CollectorServer, bind, make_config
from collector.webhooks.signature import generic, mautic
from schemas.settings import Settings
from schemas.webhooks import Webhook, Webhooks, dump

HOOK_SECRET = "whsec_of_the_shop"
MAPPING = {
    "type": {"const": "conversion"}, "name": "/kind", "event_id": "/id", "email": "/customer/email", "identifiers.crm_id": "/customer/id",
    "created_at": "/at", "order.id": "/order/number", "order.value": "/order/total", "order.currency": {"const": "ILS"},
}  # fmt: skip
TWICE = {
    "type": {"const": "conversion"}, "event_id": "/id", "order.id": "/id", "email": "/customer/email", "properties.customer": "/customer",
    "order.value": "/order/total", "properties.order": "/order",
}  # fmt: skip
WEBHOOKS = Webhooks(
    [
        Webhook("twice", "open", HOOK_SECRET, "generic", TWICE),
        Webhook("crm", "open", HOOK_SECRET, "generic", MAPPING, "/data"),
        Webhook("mautic", "open", HOOK_SECRET, "mautic"),
        Webhook("orphan", "no-such-site", HOOK_SECRET, "generic", MAPPING),
    ]
)
Start = Callable[[], Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the collector on the same data each time; the one before is stopped first."""
    running: list[tuple[CollectorServer, threading.Thread]] = []

    def stop() -> None:
        for server, thread in running:
            server.should_exit = True
            thread.join(15)
            assert not thread.is_alive()
        running.clear()

    def begin() -> Running:
        stop()
        settings = Settings(data=tmp_path / "data", port=0)
        write_sites(settings)
        (settings.data / "webhooks.json").write_bytes(dump(WEBHOOKS))
        listener = bind(settings)
        server = CollectorServer(make_config(create_app(settings), settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        wait_until(lambda: server.started or not thread.is_alive())
        return Running(listener.getsockname()[1], settings)

    yield begin
    stop()


@pytest.fixture
def collector(start: Start) -> Running:
    return start()


def call(
    collector: Running,
    body: Any,
    name: str = "crm",
    at_s: float | None = None,
    secret: str = HOOK_SECRET,
    **changes: str,
) -> Reply:
    """A generic call, signed; `changes` replace headers after the signing."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    timestamp, nonce, path = str(int(time.time() if at_s is None else at_s)), "n-1", f"/webhooks/{name}"
    headers = {
        "x-netiv-timestamp": timestamp,
        "x-netiv-nonce": nonce,
        "x-netiv-signature": generic(secret, timestamp, nonce, path, raw),
    }
    return collector.ask(
        "POST", path, raw, {**headers, **{key.replace("_", "-"): value for key, value in changes.items()}}
    )


def call_mautic(collector: Running, body: Any, secret: str = HOOK_SECRET) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return collector.ask("POST", "/webhooks/mautic", raw, {"webhook-signature": mautic(secret, raw)})
