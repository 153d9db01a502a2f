"""Rejections: a closed set of codes, each documented with its cause and its cure."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from collector.answers import REQUEST_CODES
from netiv.replaying.patch import parse
from schemas.rejection import CAUSES, CODES

ROOT = Path(__file__).parents[2]
# A code where one is given: to a rejection, a fault, a reader of files.
GIVEN = re.compile(r"""(?:Rejection|Unreadable|Fault|refuse|_stop|error_answer)\(\s*"([a-z_0-9]+)\"""")
OF_ROWS = re.compile(r"""Row\([^()]*, "([a-z_]+)"\)""")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_rejections", ROOT / "docs" / "generate_rejections.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def given() -> set[str]:
    texts = [
        path.read_text("utf-8")
        for folder in ("collector", "netiv", "consumers")
        for path in (ROOT / folder).rglob("*.py")
    ]
    return {code for text in texts for pattern in (GIVEN, OF_ROWS) for code in pattern.findall(text)}


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "rejections.md").read_text("utf-8")
    assert page == generator().page(), "run: python docs/generate_rejections.py"
    for code in (*CODES, *REQUEST_CODES):
        assert f"| `{code}` |" in page


def test_no_code_is_outside_the_set() -> None:
    found = given()
    assert len(found) > 30
    assert found - set(CODES) - set(REQUEST_CODES) == set()


def test_no_code_is_never_given() -> None:
    text = "".join(
        path.read_text("utf-8")
        for folder in ("collector", "netiv", "consumers")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert [code for code in CODES if f'"{code}"' not in text] == []


def test_every_code_has_a_cause_and_a_cure() -> None:
    assert set(CAUSES) == set(CODES)
    for code, (cause, patch) in CAUSES.items():
        assert cause, code
        if patch.startswith("["):
            assert parse(patch.encode())
    assert all(meaning and hint for meaning, hint in CODES.values())
