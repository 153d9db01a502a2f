"""A collector to import into."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_server import Running, wait_until, write_sites

from collector.app import create_app
from collector.server import CollectorServer, bind, make_config
from schemas.settings import Settings


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    settings = Settings(data=tmp_path / "data", port=0)
    write_sites(settings)
    listener = bind(settings)
    server = CollectorServer(make_config(create_app(settings), settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    yield Running(listener.getsockname()[1], settings)
    server.should_exit = True
    thread.join(15)
    assert not thread.is_alive()
