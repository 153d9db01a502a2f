"""The front's pure parts: who is local, which encoding, which status."""

from __future__ import annotations

import pytest

from consumers.warehouse.front_access import Caller, FrontAccess, Refused, admit
from consumers.warehouse.front_answer import content_type, encoder, error_text, http_status
from consumers.warehouse.front_sending import marked
from consumers.warehouse.front_statement import Statement


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["", "localhost", "localhost:8123", "127.0.0.1:8123", "[::1]:8123"])
def test_this_machine_may_ask_without_a_password(address, host):
    admit(Caller("default", "", address, host), FrontAccess())


@pytest.mark.parametrize(
    "caller",
    [
        Caller("default", "", "10.0.0.1", "localhost"),
        Caller("default", "", "::ffff:10.0.0.1", ""),
        Caller("default", "", "", "localhost"),
        Caller("default", "", "127.0.0.1", "evil.example"),
        Caller("default", "", "127.0.0.1", "localhost.evil.example:8123"),
        Caller("", "", "10.0.0.1", ""),
        Caller("bi", "", "127.0.0.1", ""),
    ],
)
def test_others_may_not(caller):
    for access in (FrontAccess(), FrontAccess(user="bi", password="s")):
        with pytest.raises(Refused) as refused:
            admit(caller, access)
        assert refused.value.code == 516


def test_any_password_of_default_is_taken_where_none_is_asked():
    for access in (FrontAccess(), FrontAccess(user="bi", password="s")):
        admit(Caller("default", "null", "127.0.0.1", "localhost"), access)  # the JDBC driver's "no password"
        with pytest.raises(Refused):
            admit(Caller("default", "null", "10.0.0.1", "localhost"), access)
    with pytest.raises(Refused):
        admit(Caller("default", "wrong", "127.0.0.1", ""), FrontAccess(user="default", password="s"))


def test_a_user_without_a_password_is_nobody():
    for caller in (Caller("bi", "", "10.0.0.1", ""), Caller("bi", "", "127.0.0.1", "localhost")):
        with pytest.raises(Refused):
            admit(caller, FrontAccess(user="bi"))
    with pytest.raises(Refused):
        admit(Caller("", "s", "10.0.0.1", ""), FrontAccess(password="s"))


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://evil.example", ""),
        ("null", ""),
        ("http://localhost:3000", "same-site"),
        ("http://localhost.evil.example:8123", ""),
        ("", "cross-site"),
        ("", "same-site"),
        ("http://localhost:8123", "cross-site"),
    ],
)
def test_a_web_page_in_a_browser_here_is_not_this_machine(origin, site):
    caller = Caller("default", "", "127.0.0.1", "localhost:8123", origin, site)
    with pytest.raises(Refused) as refused:
        admit(caller, FrontAccess())
    assert refused.value.code == 516


@pytest.mark.parametrize(
    ("origin", "site"), [("", ""), ("", "none"), ("", "same-origin"), ("http://localhost:8123", "same-origin")]
)
def test_what_a_browser_asks_by_itself_is(origin, site):
    admit(Caller("default", "", "127.0.0.1", "localhost:8123", origin, site), FrontAccess())


def test_a_named_user_may_ask_from_anywhere():
    admit(Caller("bi", "s", "10.0.0.1", "any.example"), FrontAccess(user="bi", password="s"))


def test_encodings():
    assert encoder("") is None
    assert encoder("br") is None
    accepted = ("gzip, deflate, br, zstd", "gzip;q=0.5, lz4", "deflate", "GZIP")
    made = [encoder(accept) for accept in accepted]
    names = [found.name for found in made if found]
    assert names == ["zstd", "lz4", "deflate", "gzip"]


def test_statuses_and_texts():
    assert [http_status(code) for code in (62, 60, 516, 241, 202, 159, 194)] == [400, 404, 403, 500, 503, 408, 401]
    assert error_text(516, "AUTHENTICATION_FAILED", "no", "26.9") == (
        "Code: 516. DB::Exception: no (AUTHENTICATION_FAILED) (version 26.9)"
    )
    assert error_text(62, "", "Code: 62. DB::Exception: x. (SYNTAX_ERROR)", "26.9").count("Code:") == 1
    assert content_type("CSVWithNames").endswith("header=present")
    assert content_type("Native") == "application/octet-stream"


def test_settings_are_appended_quoted():
    statement = Statement("SELECT 1", "SelectWithUnionQuery", None)
    text = marked("netiv:x", statement, "JSON", {"a": "it's \\"})
    assert text == "/* netiv:x */ SELECT 1 FORMAT JSON SETTINGS a = 'it\\'s \\\\'"
