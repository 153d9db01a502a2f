"""The demo shop asks the warehouse for whoever asks it: so it is there for this machine only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from collector_server import Running


@pytest.mark.parametrize("path", ["/demo", "/demo/index.html", "/v1/demo/visitor/v-1"])
def test_the_shop_is_for_this_machine(collector: Running, path: str) -> None:
    assert collector.get(path).status in {200, 503}, "503: the SDK is not built"
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        assert collector.get(path, **{name: "127.0.0.1"}).status == 404
    assert collector.get("/healthz", **{"X-Forwarded-For": "192.0.2.1"}).status == 200


def test_a_collector_for_other_machines_has_none(start: Callable[..., Running]) -> None:
    assert start(host="0.0.0.0").get("/demo").status == 404
