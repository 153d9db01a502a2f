"""Keys, origins, cookies, addresses: who may send, and what of them is kept."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from collector_server import LISTED, SECRET, SITES, WRITE, Running, wait_until, write_sites

from collector import cors
from collector.registry import Registry
from schemas.settings import Settings
from schemas.sites import Key, Site, Sites, hash_key

PAGE = {"type": "page", "visitor_id": "v"}
SHOP, EVIL = "https://shop.example", "https://evil.test"


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def test_where_a_key_may_stand(collector: Running) -> None:
    assert collector.post(PAGE, authorization=f"Bearer {WRITE}").status == 202
    assert collector.post(PAGE, authorization=basic(WRITE)).status == 202
    assert collector.post({**PAGE, "write_key": WRITE}, None).status == 202
    assert collector.post({"events": [PAGE], "write_key": WRITE}, None).status == 202
    assert collector.ask("POST", f"/v1/events?write_key={WRITE}", b'{"type":"page","visitor_id":"q"}').status == 202
    assert collector.post(PAGE, "legacy-7").status == 202, "an alias"
    assert {record.site for record in collector.records()} == {"open"}
    assert all(WRITE.encode() not in record.event for record in collector.records())


def test_what_a_site_wants_of_contacts_goes_with_its_events(collector: Running) -> None:
    [own, *others] = SITES.sites
    write_sites(
        collector.settings, Sites([msgspec.structs.replace(own, raw_contacts=True, phone_region="GB"), *others])
    )
    wait_until(lambda: collector.post(PAGE).status == 202 and collector.records()[-1].raw_contacts)
    server = {"type": "identify", "user_id": "u", "email": "person@example.com"}
    assert collector.post(server, authorization=f"Bearer {SECRET}").status == 202
    assert collector.get(f"/p.gif?k={WRITE}&t=page&v=v").status == 200
    assert [(record.raw_contacts, record.phone_region) for record in collector.records()[-2:]] == [(True, "GB")] * 2
    assert collector.post(PAGE, LISTED, origin=SHOP).status == 202
    assert (collector.records()[-1].raw_contacts, collector.records()[-1].phone_region) == (False, "IL")


@pytest.mark.parametrize("key", [None, "", "wrong", "x" * 5000, "wk_open_site "])
def test_unknown_keys(collector: Running, key: str | None) -> None:
    answer = collector.post(PAGE, key) if key != "wk_open_site " else collector.post(PAGE, "wk_open_site%20")
    assert answer.status == 401
    assert answer.code in ("missing_key", "unknown_key")
    assert collector.records() == []


def test_keys_come_and_go(collector: Running) -> None:
    assert collector.post(PAGE, "wk_new").status == 401
    settings = collector.settings
    write_sites(settings, Sites([*SITES.sites, Site("new", [Key(hash_key("wk_new"))])]))
    wait_until(lambda: collector.post(PAGE, "wk_new").status == 202, 1.0)
    write_sites(settings, SITES)
    wait_until(lambda: collector.post(PAGE, "wk_new").status == 401, 3.0)
    settings.sites_file.write_bytes(b"{half a file")
    assert collector.post(PAGE, WRITE).status == 202, "a broken file changes nothing"
    replacement = settings.sites_file.with_suffix(".new")
    replacement.write_bytes(msgspec.json.encode(Sites([Site("new", [Key(hash_key("wk_new"))])])))
    os.replace(replacement, settings.sites_file)  # noqa: PTH105
    wait_until(lambda: collector.post(PAGE, "wk_new").status == 202, 3.0)
    wait_until(lambda: collector.post(PAGE, WRITE).status == 401, 3.0)


def test_a_disk_that_does_not_answer_takes_nobodys_key(tmp_path: Path) -> None:
    """A link that leads to itself can't be looked at, as a file of a share that is away can't."""
    settings = Settings(data=tmp_path)
    write_sites(settings)
    now = [0]
    registry = Registry(settings.sites_file, lambda: now[0])
    kept = settings.sites_file.rename(settings.sites_file.with_suffix(".kept"))
    settings.sites_file.symlink_to(settings.sites_file)
    now[0] += 2_000
    assert registry.grant(WRITE) is not None
    settings.sites_file.unlink()
    now[0] += 2_000
    assert registry.grant(WRITE) is None, "a file that was taken away takes its keys along"
    kept.rename(settings.sites_file)
    now[0] += 2_000
    assert registry.grant(WRITE) is not None


CORS = [  # key, origin, status, allowed origin, credentials
    (LISTED, SHOP, 202, SHOP, "true"),
    (LISTED, EVIL, 403, None, None),
    (LISTED, "null", 403, None, None),
    (LISTED, "https://shop.example.evil.test", 403, None, None),
    (LISTED, "http://shop.example", 403, None, None),
    (WRITE, EVIL, 202, EVIL, None),
    (WRITE, "null", 403, None, None),
    (WRITE, "http://127.0.0.1:9", 202, "http://127.0.0.1:9", "true"),
    (SECRET, EVIL, 202, None, None),
    ("wrong", EVIL, 401, EVIL, None),
]


@pytest.mark.parametrize(("key", "origin", "status", "allowed", "credentials"), CORS)
def test_cors(
    collector: Running, key: str, origin: str, status: int, allowed: str | None, credentials: str | None
) -> None:
    answer = collector.post(PAGE, key, origin=origin)
    assert answer.status == status
    assert answer.headers.get("access-control-allow-origin") == allowed
    assert answer.headers.get("access-control-allow-credentials") == credentials
    assert answer.headers["vary"] == "Origin"


def test_preflight(collector: Running) -> None:
    answer = collector.ask("OPTIONS", "/v1/events", None, {"origin": SHOP})
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "content-encoding" in answer.headers["access-control-allow-headers"]
    write_sites(collector.settings, Sites([site for site in SITES.sites if site.name == "listed"]))
    wait_until(lambda: collector.ask("OPTIONS", "/v1/events", None, {"origin": EVIL}).status == 403, 3.0)


def test_cookie_is_made_kept_and_refused(collector: Running) -> None:
    answer = collector.post({"type": "page"})
    cookie = answer.headers["set-cookie"]
    visitor, _, flags = cookie.removeprefix("nv_id=").partition(";")
    assert flags == " Max-Age=34560000; Path=/; SameSite=Lax"
    again = collector.post({"type": "page"}, cookie=f"a=b; nv_id={visitor}; c=d")
    assert again.headers["set-cookie"] == cookie, "refreshed"
    assert "set-cookie" not in collector.post(PAGE).headers, "the event names its own visitor"
    assert "set-cookie" not in collector.post({"type": "page", "user_id": "u"}).headers
    for refused in ("denied", False, "false", {"analytics": False}, {"analytics": "denied"}):
        assert "set-cookie" not in collector.post({"type": "page", "context": {"consent": refused}}).headers
    assert "set-cookie" not in collector.post(PAGE, SECRET, cookie=f"nv_id={visitor}").headers
    named = [record.visitor_id for record in collector.records()]
    assert named[0] == named[1] == visitor
    assert named[2:4] == ["v", ""]
    server = collector.post({"type": "page"}, SECRET)
    assert server.json["rejected"][0]["code"] == "missing_identifier"
    bad = collector.post({"type": "page"}, cookie="nv_id=<script>")
    assert "<" not in bad.headers["set-cookie"]


def test_secure_and_address_behind_a_proxy(start: Callable[..., Running]) -> None:
    forwarded = {"x_forwarded_for": "6.6.6.6, 203.0.113.77", "x_forwarded_proto": "https"}
    alone = start()
    answer = alone.post({"type": "page"}, **forwarded)
    assert "Secure" not in answer.headers["set-cookie"]
    assert alone.records()[0].ip == "127.0.0.0"
    behind = start(trusted_proxies=("127.0.0.0/8",))
    assert "Secure" in behind.post({"type": "page"}, **forwarded).headers["set-cookie"]
    behind.post(PAGE, x_forwarded_for="6.6.6.6, 203.0.113.77, 127.0.0.9")
    behind.post(PAGE, x_forwarded_for="2001:db8:1:2:3::4")
    assert [record.ip for record in behind.records()] == ["203.0.113.0", "203.0.113.0", "2001:db8:1::"]


def test_address_and_agent_of_the_event(collector: Running) -> None:
    event = {
        **PAGE,
        "context": {"ip": "198.51.100.9", "user_agent": "Their/1", "url": "https://a.example/é", "n": 1.10},
    }
    collector.post(event, user_agent="Browser/1", accept_language="he")
    collector.post(event, SECRET, user_agent="python/3")
    collector.post(PAGE, SECRET, user_agent="python/3")
    public, server, bare = collector.records()
    assert (public.ip, public.user_agent, public.language) == ("127.0.0.0", "Browser/1", "he")
    assert (server.ip, server.user_agent, server.secret) == ("198.51.100.0", "Their/1", True)
    assert (bare.ip, bare.user_agent) == ("", "")
    for record in (public, server):
        assert b"198.51.100" not in record.event
        assert b'"url": "https://a.example/\\u00e9"' in record.event or b'"url":' in record.event
        assert b"1.1" in record.event


def test_rewriting_keeps_every_other_byte(collector: Running) -> None:
    body = b'{"write_key":"%s","type":"page","visitor_id":"v","properties":{"n":1.10,"big":18446744073709551617}}'
    collector.post(body % WRITE.encode(), None)
    assert b'"properties":{"n":1.10,"big":18446744073709551617}' in collector.records()[0].event


def test_what_is_remembered_is_small(tmp_path: Path) -> None:
    """What anybody can make long is looked at each time: thousands of such would be the memory of the process."""
    settings = Settings(data=tmp_path)
    write_sites(settings)
    registry = Registry(settings.sites_file, lambda: 0)
    for spaces in (1, 10, 30_000):
        header = b"Bearer" + b" " * spaces + WRITE.encode()
        assert registry.grant_of(header) is not None
        assert (header in registry._headers) is (spaces < 1_000)
    before = cors._same_site.cache_info().currsize
    assert cors.same_site("https://shop.example", "c.shop.example:8080")
    assert not cors.same_site("https://shop.example", "c." * 20_000 + "shop.example")
    assert cors._same_site.cache_info().currsize <= before + 1
