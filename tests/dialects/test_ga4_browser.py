"""GA4 from pages: several events in one body, lines of an order, what has no name."""

from __future__ import annotations

from urllib.parse import urlencode

from collector.dialects.contract import Request
from collector.dialects.ga4_browser import decode

SHARED = urlencode(
    {"v": "2", "tid": "G-1", "cid": "1.2", "sid": "9", "uid": "u-1", "dl": "https://shop.example/?utm_source=x"}
).encode()


def test_one_event_a_line() -> None:
    body = b"en=page_view&_s=1\r\nen=purchase&_s=2&ep.transaction_id=o-1&epn.value=10.5&cu=ILS&pr2=idB~qt2&pr1=idA~nmSocks~pr15~k0size~v0XL\n"
    decoded = decode(Request("POST", "/g/collect", SHARED, {}, body))
    page, purchase = (item.event for item in decoded.items)
    assert decoded.keys == ("G-1",)
    assert (page["type"], page["visitor_id"], page["session_id"], page["user_id"]) == ("page", "1.2", "9", "u-1")
    assert page["context"] == {"url": "https://shop.example/?utm_source=x"}
    assert (purchase["type"], purchase["name"]) == ("track", "purchase")
    assert purchase["order"] == {
        "id": "o-1", "value": 10.5, "currency": "ILS",
        "items": [{"item_id": "A", "item_name": "Socks", "price": 15.0, "size": "XL"}, {"item_id": "B", "quantity": 2.0}],
    }  # fmt: skip
    assert purchase["properties"]["$dialect"] == {"_s": "2"}


def test_what_has_no_name_is_refused_alone() -> None:
    decoded = decode(Request("POST", "/g/collect", SHARED, {}, b"en=scroll\nepn.percent=90"))
    assert [item.event["name"] for item in decoded.items] == ["scroll"]
    (refused,) = decoded.refused
    assert (refused.rejection.code, decoded.broken) == ("missing_type", False)
    assert refused.payload.endswith(b"&epn.percent=90")
    assert decode(Request("GET", "/g/collect", SHARED)).broken
