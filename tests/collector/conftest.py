"""Starts real collectors on free ports, each in a thread of the test's process, and stops them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collector_server import Running, wait_until, write_sites

from collector.app import create_app
from collector.server import CollectorServer, bind, make_config
from schemas.settings import Settings


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts collectors; stops them all at the end."""
    running: list[tuple[CollectorServer, threading.Thread]] = []

    def begin(**changes: Any) -> Running:
        log = changes.pop("log", None)
        settings = Settings(data=tmp_path / f"data{len(running)}", port=0, **changes)
        write_sites(settings)
        listener = bind(settings)
        server = CollectorServer(make_config(create_app(settings, log), settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        wait_until(lambda: server.started or not thread.is_alive())
        return Running(listener.getsockname()[1], settings, settings.path_prefix)

    yield begin
    for server, thread in running:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def collector(start: Callable[..., Running]) -> Running:
    return start()
