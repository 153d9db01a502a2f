"""A real collector on a free port whose sites are named by the captures' own keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_server import Running, wait_until, write_sites

from collector.app import create_app
from collector.server import CollectorServer, bind, make_config
from schemas.settings import Settings
from schemas.sites import Key, Site, Sites, hash_key
from tests.dialects.captured import KEYS

SECRET = "sk_dialects_secret"
SITES = Sites(
    [
        Site("shop", [Key(hash_key("wk_dialects"))], [Key(hash_key(SECRET))], aliases=list(KEYS)),
        Site("second", [Key(hash_key("wk_second"))], aliases=["9", "second-app"]),
        Site("strict", [Key(hash_key("wk_strict"))], origins=["https://shop.example"]),
    ]
)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    settings = Settings(data=tmp_path / "data", port=0)
    write_sites(settings, SITES)
    listener = bind(settings)
    server = CollectorServer(make_config(create_app(settings), settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    yield Running(listener.getsockname()[1], settings)
    server.should_exit = True
    thread.join(15)
    assert not thread.is_alive()
