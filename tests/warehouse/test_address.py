"""NETIV_CLICKHOUSE is read the same by consumers, commands and collectors, whatever stands in it."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.front import Front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front
from consumers.warehouse.server import open_server
from netiv.clickhouse import ClickHouse
from netiv.errors import CommandError
from schemas.address import address_of

STRANGE = "סוד:@/%#?&+ x"


def test_its_parts() -> None:
    found = address_of(f"https://us%20er:{quote(STRANGE, safe='')}@[::1]/click/house/", "other", "secret")
    assert (found.secure, found.host, found.port, found.path) == (True, "::1", 8443, "/click/house")
    assert (found.user, found.password, found.url) == ("us er", STRANGE, "https://[::1]:8443/click/house")
    assert address_of("http://ch").url == "http://ch:8123"


@pytest.mark.parametrize(
    ("url", "user", "password"),
    [
        ("http://ch", "u", "p"),
        ("http://mine@ch", "mine", "p"),
        ("http://mine:own@ch", "mine", "own"),
    ],
)
def test_what_the_url_does_not_name_the_settings_do(url: str, user: str, password: str) -> None:
    found = address_of(url, "u", "p")
    assert (found.user, found.password) == (user, password)


@pytest.mark.parametrize(
    "url", ["ch:8123", "ftp://ch", "http://", "http://ch:99999", "http://u:geheim/x@ch", "http://u:geheim#x@ch"]
)
def test_what_is_none_is_said_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="NETIV_CLICKHOUSE must look like") as told:
        address_of(url)
    assert "geheim" not in str(told.value)
    with pytest.raises(CommandError, match="must look like"):
        ClickHouse(url)


@pytest.mark.anyio
async def test_a_server_that_is_no_address_is_refused() -> None:
    with pytest.raises(WarehouseError, match="must look like"):
        await open_server("http://ch:99999")


class Noting(Front):
    """Keeps who asked where."""

    asked: set[tuple[str, str]]

    async def __call__(self, scope, receive, send):
        headers = dict(scope["headers"])
        who = base64.b64decode(headers.get(b"authorization", b"").removeprefix(b"Basic ")).decode()
        self.asked.add((scope["path"], who))
        scope = {**scope, "path": scope["path"].removeprefix("/behind") or "/"}
        await super().__call__(scope, receive, send)


@pytest.mark.anyio
async def test_consumers_ask_as_the_url_says(canary) -> None:
    front = Noting(canary, FrontAccess(user="us er", password=STRANGE, writable=True))
    front.asked = set()
    async with serve_front(front, "127.0.0.1", 0) as port:
        warehouse = await open_server(f"http://us%20er:{quote(STRANGE, safe='')}@127.0.0.1:{port}/behind")
        assert await warehouse.rows("SELECT count() FROM canary") == [(3,)]
        await warehouse.insert("canary", {"n": [4]}, {"n": "UInt64"})
        assert await warehouse.ping()
        await warehouse.close()
    paths = {path for path, _ in front.asked}
    assert paths <= {"/behind", "/behind/", "/behind/ping"}, paths
    assert {who for path, who in front.asked if not path.endswith("ping")} == {f"us er:{STRANGE}"}
