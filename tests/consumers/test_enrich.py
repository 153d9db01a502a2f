"""From a record to a row: tables of what each step makes of what was sent, and what becomes of poison."""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.enrich.agent import agent_parser
from consumers.enrich.amounts import money
from consumers.enrich.facts import enrich, facts_of
from consumers.enrich.identifiers import hash_email, hash_phone, subject_of
from consumers.enrich.link import host_of, key_of, parse_link
from consumers.enrich.steps import Lookups, Undecodable, first_language
from consumers.lookups import make_lookups
from eventlog.contract import Position, Stored
from schemas.record import Accepted, Bad, encode

AT = 1_772_495_400_000
LOOKUPS = make_lookups()
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
IPAD = "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def row_of(event: dict[str, Any], **record: Any) -> dict[str, Any]:
    fields = {
        "site": "s",
        "received_at": AT,
        "event_id": "e",
        "visitor_id": "v",
        "event": json.dumps(event).encode(),
        **record,
    }
    return enrich(Accepted(**fields), Position(1, 2, 3), LOOKUPS)


@pytest.mark.parametrize(("url", "host"), [
    ("https://Shop.Example.COM:8443/x?y", "shop.example.com"), ("https://example.com./", "example.com"), ("", ""), ("not a url", ""),
    ("/path", ""), ("https://קפה.co.il/", "xn--8db5ai.co.il"), ("http://[::1]/", "[::1]"), ("android-app://com.slack/", "com.slack"),
    ("javascript:alert(1)", ""), ("https://user:pw@example.com/", "example.com"),
])  # fmt: skip
def test_host_of(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(("url", "utm", "click"), [
    ("https://e.com/?utm_source=Google&utm_medium=CPC", ("Google", "CPC", "", "", ""), ("", "")),
    ("https://e.com/?utm_campaign=%D7%A7%D7%99%D7%A5+2026", ("", "", "קיץ 2026", "", ""), ("", "")),
    ("https://e.com/#utm_source=a&utm_term=b", ("a", "", "", "", "b"), ("", "")),
    ("https://e.com/#/path?utm_source=a", ("a", "", "", "", ""), ("", "")),
    ("https://e.com/?utm_source=q#utm_source=f", ("q", "", "", "", ""), ("", "")),
    ("https://e.com/?utm_source=first&utm_source=second", ("first", "", "", "", ""), ("", "")),
    ("https://e.com/?fbclid=F&gclid=AbC", ("", "", "", "", ""), ("gclid", "AbC")),
    ("https://e.com/?gclid=", ("", "", "", "", ""), ("", "")),
    ("https://e.com/?ScCid=x", ("", "", "", "", ""), ("ScCid", "x")),
    ("https://e.com/", ("", "", "", "", ""), ("", "")),
    ("", ("", "", "", "", ""), ("", "")),
])  # fmt: skip
def test_parse_link(url: str, utm: tuple[str, ...], click: tuple[str, str]) -> None:
    link = parse_link(url)
    assert link.utm == utm
    assert (link.click_id_type, link.click_id) == click
    assert (link.campaign_key != 0, link.click_key != 0) == (any(utm), any(click))


@given(st.text(max_size=200))
def test_any_text_is_a_link_or_none(text: str) -> None:
    assert parse_link(text).campaign_key >= 0


PARTS = st.tuples(st.text("abא ", max_size=3), st.text("abא ", max_size=3))


@given(PARTS, PARTS)
def test_keys_differ_when_parts_do(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)
    assert (key_of(one) == 0) == (one == ("", ""))


def test_campaign_of_the_touch_before_the_context_before_the_url() -> None:
    context = {
        "url": "https://e.com/?utm_source=u&utm_medium=u&utm_content=u",
        "campaign": {"source": "c", "medium": "c", "name": ""},
    }
    row = row_of({"type": "touch", "touch": {"source": "t", "campaign": "T"}, "context": context})
    found = [row[name] for name in ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")]
    assert found == ["t", "", "T", "", ""], "a touch that says where it came from says all of it"
    row = row_of({"type": "touch", "touch": {"kind": "click"}, "context": context})
    found = [row[name] for name in ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")]
    assert found[1] == "c", "a touch that says nothing of it takes the context's"
    assert found[3] == "u", "and the URL's"


@pytest.mark.parametrize(("event", "utm"), [
    ({"touch": {"source": "tv"}}, ("tv", "")), ({"context": {"campaign": {"source": "c", "medium": "m"}}}, ("c", "m")),
    ({"context": {"campaign": {"medium": "m"}, "url": "https://e.com/?utm_source=u&utm_medium=u"}}, ("u", "m")),
    ({"touch": {"kind": "call"}, "context": {"campaign": {"medium": "m"}}}, ("", "m")), ({"context": {"click_ids": {"gclid": "G"}}}, ("", "")),
])  # fmt: skip
def test_a_campaign_is_taken_from_wherever_it_stands(event: dict[str, Any], utm: tuple[str, str]) -> None:
    row = row_of({"type": "touch", **event})
    assert (row["utm_source"], row["utm_medium"]) == utm
    assert (row["campaign_key"] != 0, row["click_key"] != 0) == (any(utm), "click_ids" in event.get("context", {}))


@pytest.mark.parametrize(
    ("context", "active"), [({"active": False}, 0), ({"active": True}, 1), ({"active": None}, 1), ({}, 1)]
)
def test_only_what_says_so_is_no_activity(context: dict[str, Any], active: int) -> None:
    assert row_of({"type": "page", "context": context})["active"] == active


@pytest.mark.parametrize(("told", "of_batch", "sent"), [(AT - 5, AT, AT - 5), (None, AT, AT), (None, None, None)])
def test_the_senders_clock_is_the_events_before_the_batchs(
    told: int | None, of_batch: int | None, sent: int | None
) -> None:
    assert row_of({"type": "page", "sent_at": told}, sent_at=of_batch)["sent_at"] == sent


def test_click_ids_of_the_context_before_those_of_the_url() -> None:
    row = row_of(
        {"type": "page", "context": {"url": "https://e.com/?gclid=u", "click_ids": {"msclkid": "M", "unknown": "x"}}}
    )
    assert (row["click_id_type"], row["click_id"]) == ("msclkid", "M")


@pytest.mark.parametrize(("agent", "device", "bot"), [
    (CHROME, "desktop", False), (IPHONE, "mobile", False), (IPAD, "tablet", False), (GOOGLEBOT, "bot", True), ("", "", False),
    ("python-requests/2.32", "server", False), ("Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36", "tv", False),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "bot", True), ("\x00\U0001f600" * 9, "server", False),
])  # fmt: skip
def test_agents(agent: str, device: str, bot: bool) -> None:
    parsed = agent_parser()(agent)
    assert (parsed.device_type, parsed.is_bot) == (device, bot)


def test_a_servers_own_agent_is_not_the_visitors() -> None:
    assert row_of({"type": "track"}, secret=True, user_agent=GOOGLEBOT)["is_bot"] == 0
    told = row_of({"type": "track", "context": {"user_agent": IPHONE}}, secret=True, user_agent="python-requests/2.32")
    assert told["device_type"] == "mobile"
    assert row_of({"type": "track", "context": {"user_agent": IPHONE}}, user_agent=CHROME)["device_type"] == "desktop"


@pytest.mark.parametrize(("address", "country"), [("8.8.8.0", "US"), ("", ""), ("nonsense", ""), ("10.0.0.0", "")])
def test_countries(address: str, country: str) -> None:
    assert row_of({"type": "page"}, ip=address)["country"] == country


@pytest.mark.parametrize(("header", "language"), [
    ("he-IL,he;q=0.9,en;q=0.8", "he-IL"), ("EN_us", "en-us"), ("", ""), ("he", "he"), (" fr ; q=1", "fr"), ("*", "*"),
    ("x" * 40, "x" * 35)])  # fmt: skip
def test_languages(header: str, language: str) -> None:
    assert first_language(header) == language


@pytest.mark.parametrize(("value", "amount"), [
    (10, "10"), ("9.99", "9.99"), (0.1, "0.1"), (-5, "-5"), ("1e3", "1000"), (0, "0"), (1.00005, "1"), (None, None), (True, None),
    ("free", None), ("", None), ("NaN", None), ("Infinity", None), (1e14, None), ("99999999999999", "99999999999999"), ([1], None),
])  # fmt: skip
def test_money(value: Any, amount: str | None) -> None:
    assert money(value) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(("properties", "found"), [
    ({"revenue": 5, "currency": " ils "}, (Decimal(5), "ILS")), ({"total": "7"}, (Decimal(7), "")),
    ({"revenue": "free", "value": 3}, (Decimal(3), "")), ({"other": 1}, (None, "")),
])  # fmt: skip
def test_value_by_its_usual_names(properties: dict[str, Any], found: tuple[Decimal | None, str]) -> None:
    row = row_of({"type": "track", "properties": properties})
    assert (row["value"], row["currency"]) == found


@pytest.mark.parametrize(
    ("order", "currency"), [({"value": 5}, "EUR"), ({"value": 5, "currency": "usd"}, "USD"), ({"id": "o1"}, "")]
)
def test_an_amount_without_a_currency_is_in_its_sites(order: dict[str, Any], currency: str) -> None:
    assert row_of({"type": "conversion", "order": order}, currency="EUR")["currency"] == currency


def test_the_order_before_the_properties() -> None:
    row = row_of({"type": "track", "order": {"id": 7, "value": 0}, "properties": {"order_id": "p", "revenue": 5}})
    assert (row["order_id"], row["value"]) == ("7", Decimal(0))


@pytest.mark.parametrize(
    "spelled",
    [
        "Person@Example.com",
        " person@example.com ",
        sha("person@example.com"),
        sha("person@example.com").upper(),
        "per\u200dson@example.com",
    ],
)
def test_one_mail_address_has_one_hash(spelled: str) -> None:
    assert hash_email(spelled) == sha("person@example.com")


@pytest.mark.parametrize(
    "spelled",
    [
        "+972-50-123-4567",
        "050-1234567",
        "972501234567",
        sha("+972501234567"),
        "050\u200e-1234567",
        "050\u2066123\u20694567",
    ],
)
def test_one_phone_has_one_hash(spelled: str) -> None:
    assert hash_phone(spelled) == sha("+972501234567")


def test_an_extension_is_part_of_a_number() -> None:
    """Colleagues behind one switchboard are not one person."""
    assert hash_phone("+1 202-555-0143 x7") == hash_phone("+12025550143;ext=7") == sha("+12025550143;ext=7")
    assert hash_phone("+1 202-555-0143 x8") != hash_phone("+1 202-555-0143 x7") != hash_phone("+1 202-555-0143")


def test_an_address_with_a_mark_inside_is_hashed_under_any_name() -> None:
    event = {"type": "identify", "identifiers": {"crm_id": "per\u200dson@example.com", "desk": "+1\u200e 202-555-0143"}}
    assert row_of(event)["identifiers"] == {"crm_id": sha("person@example.com"), "desk": sha("+12025550143")}


@pytest.mark.parametrize(("region", "number"), [("IL", "+9727911123456"), ("GB", "+447911123456")])
def test_a_national_number_is_of_the_sites_country(region: str, number: str) -> None:
    event = {"type": "identify", "phone": "07911 123456", "identifiers": {"mobile": "+1 202-555-0143"}}
    row = row_of(event, phone_region=region)
    assert row["identifiers"] == {"phone": sha(number), "mobile": sha("+12025550143")}


@given(st.text(max_size=60))
def test_whatever_is_sent_as_contact_only_its_hash_is_kept(text: str) -> None:
    for made in (hash_email(text), hash_phone(text)):
        assert len(made) == 64
        assert set(made) <= set("0123456789abcdef")


@pytest.mark.parametrize(("visitor", "user", "identifiers", "subject"), [
    ("v", "u", {"email": "h"}, "v"), ("", "u", {"email": "h"}, "~user_id:u"), ("", "", {"phone": "p", "email": "h"}, "~email:h"),
    ("", "", {"zeta": "z", "alpha": "a"}, "~alpha:a"), ("", "", {"alpha": "a", "crm_id": "c"}, "~crm_id:c"), ("", "", {}, ""),
    ("~x", "", {}, "~visitor_id:~x"),
])  # fmt: skip
def test_subjects(visitor: str, user: str, identifiers: dict[str, str], subject: str) -> None:
    assert subject_of(visitor, user, identifiers) == subject


def test_a_raw_address_is_nowhere_in_the_row() -> None:
    row = row_of({"type": "identify", "email": "Person@example.com", "phone": "050-1234567", "user_id": "u"})
    assert row["identifiers"] == {"email": sha("person@example.com"), "phone": sha("+972501234567")}
    assert "erson@" not in repr(row)
    assert "1234567" not in repr({**row, "identifiers": {}})


def test_a_site_may_want_raw_contacts_in_its_tables() -> None:
    event = {
        "type": "identify",
        "email": "Person@example.com",
        "identifiers": {"phone": "050-1234567"},
        "properties": {"a": 1},
    }
    row = row_of(event, raw_contacts=True)
    assert row["identifiers"] == {"email": sha("person@example.com"), "phone": sha("+972501234567")}
    told = {"a": 1, "$contacts": {"email": "Person@example.com", "phone": "050-1234567"}}
    assert json.loads(row["properties"]) == told
    assert "erson@" not in repr({**row, "properties": ""})
    assert row_of({"type": "page"}, raw_contacts=True)["properties"] == "{}"


RAW = {
    "Email": "Raw1@x.example",
    "e-mail": "raw2@x.example",
    "email_address": "raw3@x.example",
    "Phone": "050-111-2222",
}


@pytest.mark.parametrize(("event", "named"), [
    ({"identifiers": {"Email": "Raw1@x.example"}}, {"email": sha("raw1@x.example")}),
    ({"identifiers": {"e-mail": "raw1@x.example", "Phone": "050-111-2222"}}, {"email": sha("raw1@x.example"), "phone": sha("+972501112222")}),
    ({"identifiers": {"Email Address": "raw1@x.example", "mobile": 501112222}}, {"email": sha("raw1@x.example"), "phone": sha("+972501112222")}),
    ({"identifiers": RAW}, {
        "email": sha("raw1@x.example"), "e-mail": sha("raw2@x.example"), "email_address": sha("raw3@x.example"), "phone": sha("+972501112222"),
    }),
    ({"email": "raw1@x.example", "identifiers": {"Email": "raw1@x.example", "mail": "raw2@x.example"}},
     {"email": sha("raw1@x.example"), "mail": sha("raw2@x.example")}),
    ({"identifiers": {"Email": "raw1@x.example", "email": "raw2@x.example"}}, {"email": sha("raw2@x.example"), "Email": sha("raw1@x.example")}),
    ({"identifiers": {"crm_id": "raw1@x.example", "club:id": "7"}}, {"crm_id": sha("raw1@x.example"), "club_id": "7"}),
    ({"identifiers": {"whatsapp": "+972 50-111-2222", "telegram": "@dana", "sku": "+1"}},
     {"whatsapp": sha("+972501112222"), "telegram": "@dana", "sku": "+1"}),
    ({"identifiers": {"user_id": "other"}}, {"user_id": "other"}),
    ({"traits": {"email": "raw1@x.example", "plan": "b"}}, {"email": sha("raw1@x.example")}),
    ({"context": {"traits": {"email": "raw1@x.example", "Phone": "0501112222"}}},
     {"email": sha("raw1@x.example"), "phone": sha("+972501112222")}),
    ({"Email": "raw1@x.example", "context": {"phone": "0501112222"}}, {"email": sha("raw1@x.example"), "phone": sha("+972501112222")}),
    ({"email": "raw1@x.example", "context": {"traits": {"email": "raw2@x.example"}}}, {"email": sha("raw1@x.example")}),
    ({"type": "group", "traits": {"email": "raw1@x.example", "phone": "0501112222"}}, {}),
    ({"userAgentData": {"mobile": True}, "emails": [{"e_mail": "raw1@x.example"}]}, {}),
    ({"someone": {"friends": [{"e_mail": "raw1@x.example"}]}}, {}),
    ({"traits": ["raw"], "identifiers": None}, {}),
])  # fmt: skip
def test_addresses_and_numbers_are_hashed_wherever_they_stand(event: dict[str, Any], named: dict[str, str]) -> None:
    row = row_of({"type": "identify", **event})
    assert row["identifiers"] == named
    assert not re.search(r"(?i)raw[0-9]+@|1112222|111-2222", repr(row))


def test_what_is_no_contact_among_unknown_fields_is_kept() -> None:
    event = {
        "type": "page",
        "traits": {"email": "raw1@x.example", "plan": "b"},
        "context": {"userAgentData": {"mobile": True}, "tel": None},
    }
    found = json.loads(row_of(event)["properties"])
    assert found == {"$extra": {"traits": {"plan": "b"}}, "$context": {"userAgentData": {"mobile": True}, "tel": None}}
    only = {"type": "page", "traits": {"email": "raw1@x.example"}, "odd": {}}
    assert json.loads(row_of(only)["properties"]) == {"$extra": {"odd": {}}}
    wanted = json.loads(row_of(event, raw_contacts=True)["properties"])
    assert wanted["$contacts"] == {"email": "raw1@x.example"}
    assert wanted["$extra"] == {"traits": event["traits"]}


@pytest.mark.parametrize(("context", "click"), [
    ({"click_ids": {"gclid": "G1"}}, ("gclid", "G1")), ({"url": "https://e.example/?gclid=G1"}, ("gclid", "G1")),
    ({"url": "https://e.example/?gclid=G2", "click_ids": {"gbraid": " G1 "}}, ("gbraid", "G1")),
])  # fmt: skip
@pytest.mark.parametrize("touch", [{}, {"touch": {"source": "tv"}}], ids=["plain", "touch"])
def test_an_event_of_a_click_id_alone_is_filed_under_it(
    context: dict[str, Any], click: tuple[str, str], touch: dict[str, Any]
) -> None:
    row = row_of({"type": "touch", "context": context, **touch}, visitor_id="", secret=True)
    told = row_of(
        {"type": "touch", "context": context, "identifiers": dict([click]), **touch}, visitor_id="", secret=True
    )
    assert row == told
    assert row["subject"] == "~{}:{}".format(*click)
    assert row_of({"type": "page", "context": context})["identifiers"] == {}, (
        "whoever is named is not named by a click too"
    )


def test_unknown_fields_are_kept() -> None:
    row = row_of(
        {"type": "page", "brand_new": [1], "context": {"odd": 2, "consent": {"ads": True}}, "properties": {"a": "ב"}}
    )
    assert json.loads(row["properties"]) == {"a": "ב", "$extra": {"brand_new": [1]}, "$context": {"odd": 2}}
    assert json.loads(row["consent"]) == {"ads": True}


@pytest.mark.parametrize(("event", "rest"), [
    ({"order": {"id": 1, "value": 1e14, "currency": "SHEKELIM9"}}, {"$extra": {"order": {"value": 1e14, "currency": "SHEKELIM9"}}}),
    ({"order": {"value": 1, "currency": " SHEKELIM "}}, {}),
    ({"context": {"click_ids": {"msclkid": " M ", "gclid": "G", "ttclid": ""}}}, {"$context": {"click_ids": {"msclkid": " M "}}}),
])  # fmt: skip
def test_what_its_column_does_not_hold_is_kept(event: dict[str, Any], rest: dict[str, Any]) -> None:
    row = row_of({"type": "conversion", **event})
    assert json.loads(row["properties"]) == rest


def stored(value: bytes, offset: int = 0) -> Stored:
    return Stored(Position(1, 0, offset), b"", value, AT)


def accepted(event: bytes, **record: Any) -> bytes:
    return encode(
        Accepted(**{"site": "s", "received_at": AT, "event_id": "e", "visitor_id": "v", "event": event, **record})
    )


@pytest.mark.parametrize(("value", "pointer"), [
    (b"", ""), (b"\xff\x00", ""), (b"\x93\xa1e\xa1s\x01", ""), (accepted(b"{"), ""), (accepted(b"[1]"), ""), (accepted(b"\xff"), ""),
    (accepted(b'{"type":"page","created_at":"yesterday"}'), "/created_at"), (accepted(b'{"type":"page","sent_at":{}}'), "/sent_at"),
    (accepted(b'{"type":"page","touch":[1]}'), ""), (accepted(b'{"type":"page","identifiers":[1]}'), ""),
    (accepted(b'{"type":"page"}', visitor_id=""), ""), (accepted(b'{"type":"page","context":{"click_ids":[1]}}'), ""),
    (accepted(b"[" * 100_000), ""),
])  # fmt: skip
def test_poison_is_kept_whole_and_alone(value: bytes, pointer: str) -> None:
    good = accepted(b'{"type":"page"}')
    facts = facts_of([stored(good, 1), stored(value, 2), stored(good, 3)], LOOKUPS)
    assert facts.events["log_off"] == [1, 3]
    [bad] = facts.bad
    assert (bad["log_off"], bad["code"], bad["pointer"]) == (2, "undecodable", pointer)
    assert (bad["message"] == "not a time") == bool(pointer)


MIXED = (
    accepted(b'{"type":"page"}'), accepted(b'{"type":"page","user_id":"u"}', visitor_id="w"), accepted(b"{"), b"\xff",
    accepted(b'{"type":"page","created_at":"yesterday"}'), accepted(b'{"type":"touch","touch":[1]}', visitor_id="w"),
    encode(Bad(site="s", received_at=AT, code="too_large", payload=b"x")), accepted(b'{"type":"page","created_at":1772495300000}'),
)  # fmt: skip


@given(st.lists(st.sampled_from(MIXED), max_size=12), st.integers(1, 5))
def test_whatever_comes_together_facts_are_those_of_each(values: list[bytes], block: int) -> None:
    batch = [stored(value, offset) for offset, value in enumerate(values)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consumers.enrich.facts.BLOCK_RECORDS", block)
        together = facts_of(batch, LOOKUPS)
    alone = [facts_of([one], LOOKUPS) for one in batch]
    assert together.events == {name: [value for one in alone for value in one.events[name]] for name in together.events}
    assert together.links == [link for one in alone for link in one.links]
    assert sorted(bad["log_off"] for bad in together.bad) == [bad["log_off"] for one in alone for bad in one.bad]
    keys = {key for one in alone for key in one.dirty}
    assert together.dirty == {key: min(one.dirty[key] for one in alone if key in one.dirty) for key in keys}


@given(st.binary(max_size=300))
def test_any_bytes_become_one_row(value: bytes) -> None:
    facts = facts_of([stored(value), stored(accepted(value), 1)], LOOKUPS)
    assert len(facts.events["log_off"]) + len(facts.bad) == 2


def test_what_was_refused_stays_a_bad_event() -> None:
    refused = encode(Bad(site="s", received_at=AT, code="too_large", payload=b"\xffx", pointer="/a"))
    [bad] = facts_of([stored(refused)], LOOKUPS).bad
    assert (bad["code"], bad["pointer"], bad["payload"]) == ("too_large", "/a", "\\xffx")


def test_a_step_that_fails_is_named() -> None:
    def broken(_: str) -> str:
        raise ZeroDivisionError

    record = Accepted(site="s", received_at=AT, event_id="e", visitor_id="v", event=b'{"type":"page"}', ip="1.2.3.0")
    with pytest.raises(Undecodable, match="place: ZeroDivisionError"):
        enrich(record, Position(1, 0, 0), Lookups(LOOKUPS.agent, broken))


@pytest.mark.parametrize(("event", "kinds"), [
    ({"type": "page"}, []), ({"type": "page", "user_id": 5}, ["identify"]), ({"type": "track", "name": "logged_out"}, ["logout"]),
    ({"type": "track", "name": "logged_out", "user_id": "u"}, ["identify", "logout"]), ({"type": "page", "name": "logged_out"}, []),
    ({"type": "page", "email": "a@b.example", "user_id": "u"}, ["identify"] * 3),
    ({"type": "page", "identifiers": {"device_id": "d"}}, ["device_link"]),
    ({"type": "alias", "user_id": "u", "identifiers": {"user_id": "w"}}, ["alias", "identify", "mention"]),
    ({"type": "page", "user_id": "u", "identifiers": {"user_id": "w"}}, ["identify", "mention", "mention"]),
    ({"type": "page", "context": {"url": "https://e.example/?gclid=x"}}, ["identify"]),
    ({"type": "conversion", "user_id": "u", "order": {"id": 1}}, ["order"]),
    ({"type": "page", "identifiers": {"": "x", "crm_id": "c"}}, ["identify"]),
    ({"type": "alias", "email": "a@b.example"}, ["identify"]),
])  # fmt: skip
def test_links(event: dict[str, Any], kinds: list[str]) -> None:
    facts = facts_of([stored(accepted(json.dumps(event).encode()))], LOOKUPS)
    ways = [
        (link["kind"], (link["id_type"], link["id_value"]), (link["other_type"], link["other_value"]))
        for link in facts.links
    ]
    assert sorted(kind for kind, one, other in ways if one < other or kind == "logout") == sorted(kinds)
    assert {(kind, other, one) for kind, one, other in ways if kind != "logout"} <= set(ways), "in both directions"
    keys = {f"~{kind}:{value}" for _, *ends in ways for kind, value in ends if kind}
    assert facts.dirty.keys() == {("s", "v")} | {("s", key) for key in keys}


def test_long_texts_are_read_and_not_remembered() -> None:
    def read(length: int) -> list[int]:
        pad = "א" * length
        context = {
            "url": f"https://shop.example/?utm_source=mail&pad={pad}", "referrer": f"https://www.google.com/?q={pad}",
            "user_agent": f"{CHROME} {pad}", "language": f"he-IL,{pad}",
        }  # fmt: skip
        row = row_of({"type": "page", "context": context}, secret=True)
        assert (row["url_host"], row["referrer_host"], row["utm_source"]) == ("shop.example", "www.google.com", "mail")
        assert (row["browser"], row["language"]) == ("Chrome", "he-IL")
        return [one.cache_info().currsize for one in (host_of, parse_link, first_language, LOOKUPS.agent)]

    for one in (host_of, parse_link, first_language, LOOKUPS.agent):
        one.cache_clear()
    assert read(20) == [2, 1, 1, 1]
    assert read(7_000) == [2, 1, 1, 1]
