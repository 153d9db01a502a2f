"""Redirect links against a real collector: the click is in the log, the visitor is led on, nobody is led astray."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import msgspec
import pytest
from collector_server import SECRET, Running

from schemas.links import Link, Links, dump, sign
from schemas.record import Accepted
from schemas.sites import hash_key
from tests.links.test_targets import HOSTILE

BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1"


def signed(query: str, key: str = SECRET) -> str:
    return f"/r?{query}&s={sign(query, hash_key(key))}"


def only(collector: Running) -> Accepted:
    (record,) = collector.records()
    assert isinstance(record, Accepted)
    return record


def test_a_stored_link_records_a_click_and_leads_on(collector: Running) -> None:
    reply = collector.get("/r/spring?t=recipient-7", user_agent=BROWSER, referer="https://mail.example/")
    assert (reply.status, reply.headers["location"]) == (302, "https://shop.example/landing?x=1")
    assert reply.headers["cache-control"] == "no-store"
    assert "referrer-policy" in reply.headers
    record = only(collector)
    event = msgspec.json.decode(record.event)
    assert (record.site, record.dialect, record.secret, record.user_agent) == ("open", "redirect", False, BROWSER)
    assert (event["type"], event["name"], event["identifiers"]) == ("touch", "spring", {"recipient": "recipient-7"})
    assert event["touch"] == {
        "kind": "click",
        "channel": "Email",
        "source": "newsletter",
        "medium": "email",
        "campaign": "אביב",
    }
    assert f"nv_id={record.visitor_id}" in reply.headers["set-cookie"]


def test_a_known_visitor_stays_the_same(collector: Running) -> None:
    collector.get("/r/spring", cookie="nv_id=known-visitor-1")
    assert only(collector).visitor_id == "known-visitor-1"


def test_a_signed_link_leads_to_its_target(collector: Running) -> None:
    query = urlencode({"u": "https://partner.example/a?b=c&d=e", "source": "dana", "channel": "Influencer"})
    reply = collector.get(signed(query))
    assert (reply.status, reply.headers["location"]) == (302, "https://partner.example/a?b=c&d=e")
    assert msgspec.json.decode(only(collector).event)["touch"] == {
        "kind": "click",
        "source": "dana",
        "channel": "Influencer",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/r?u=https%3A%2F%2Fevil.example", "/r?u=https%3A%2F%2Fevil.example&s=", "/r?u=https%3A%2F%2Fevil.example&s=forged",
        signed("u=https%3A%2F%2Fok.example") + "&u=https%3A%2F%2Fevil.example", signed("u=https%3A%2F%2Fok.example", "sk_another"),
        signed("u=https%3A%2F%2Fok.example").replace("ok.example", "evil.example"), "/r", "/r/", "/r/unknown", "/r/bad", "/r/lost",
        "/r/spring/../x", "/r/https://evil.example", "/r//evil.example",
        signed("u=https%3A%2F%2Fok.example") + "&s=x", "/r?s=" + sign("", hash_key(SECRET)),
    ],
)  # fmt: skip
def test_nothing_else_leads_anywhere(collector: Running, path: str) -> None:
    reply = collector.get(path)
    assert reply.status == 404
    assert "location" not in reply.headers
    assert collector.records() == []


def test_even_a_signature_leads_to_no_hostile_address(collector: Running) -> None:
    for url in HOSTILE:
        reply = collector.get(signed("u=" + quote(url, safe="")))
        assert reply.status == 404, url
        assert "location" not in reply.headers


def test_a_new_link_works_at_once(collector: Running) -> None:
    assert collector.get("/r/fresh").status == 404
    (collector.settings.data / "links.json").write_bytes(dump(Links([Link("fresh", "open", "https://shop.example/")])))
    assert collector.get("/r/fresh").status == 302


def test_prefetching_and_heads_are_no_clicks(collector: Running) -> None:
    assert collector.get("/r/spring", sec_purpose="prefetch;prerender").status == 302
    assert collector.ask("HEAD", "/r/spring").status == 302
    assert collector.ask("POST", "/r/spring").status == 405
    assert collector.records() == []
