"""Rejections: a closed set of codes, each documented with its cause and its cure."""

from __future__ import annotations

import re

from collector.answers import REQUEST_CODES
from netiv.replaying.patch import parse
from schemas.rejection import CAUSES, CODES
from tests.tidy.tree import ROOT

# A code where one is given: to a rejection, a fault, a reader of files.
GIVEN = re.compile(r"""(?:Rejection|Unreadable|Fault|refuse|_stop|error_answer)\(\s*"([a-z_0-9]+)\"""")
OF_ROWS = re.compile(r"""Row\([^()]*, "([a-z_]+)"\)""")


TEXT = "".join(
    path.read_text("utf-8") for folder in ("collector", "netiv", "consumers") for path in (ROOT / folder).rglob("*.py")
)


def test_the_page_has_every_code() -> None:
    page = (ROOT / "docs" / "rejections.md").read_text("utf-8")
    for code in (*CODES, *REQUEST_CODES):
        assert f"| `{code}` |" in page


def test_no_code_is_outside_the_set() -> None:
    found = {code for pattern in (GIVEN, OF_ROWS) for code in pattern.findall(TEXT)}
    assert len(found) > 30
    assert found - set(CODES) - set(REQUEST_CODES) == set()


def test_no_code_is_never_given() -> None:
    assert [code for code in CODES if f'"{code}"' not in TEXT] == []


def test_every_code_has_a_cause_and_a_cure() -> None:
    assert set(CAUSES) == set(CODES)
    for code, (cause, patch) in CAUSES.items():
        assert cause, code
        if patch.startswith("["):
            assert parse(patch.encode())
    assert all(meaning and hint for meaning, hint in CODES.values())
