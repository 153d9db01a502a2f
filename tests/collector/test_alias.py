"""Short names of the same endpoints, for where lists of blocked addresses know the long ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from collector_server import WRITE, Running
from pydantic import ValidationError

from collector.alias import file_of
from netiv.snippet import tags
from schemas.settings import Settings

PAGE = {"type": "page", "visitor_id": "v1"}


@pytest.mark.parametrize("prefix", ["", "/nv"])
def test_the_alias_takes_what_the_endpoints_take(prefix: str, start: Callable[..., Running]) -> None:
    collector = start(path_prefix=prefix, alias="/n")
    assert collector.post(PAGE).status == 202
    collector.prefix = ""
    body = json.dumps({"write_key": WRITE, "events": [PAGE]}).encode()
    assert collector.ask("POST", "/n/e", body, {"content-type": "text/plain"}).status == 202
    assert collector.get(f"/n/p?k={WRITE}").headers["content-type"] == "image/gif"
    assert collector.get("/n/e").status == 405
    for path in ("/n", "/n/", "/n/netiv.js", "/n/e/", "/n/0123456789.js", "/nn/s.js", "/n/../netiv.js"):
        assert collector.get(path).status == 404, path


def test_without_the_setting_there_is_none(collector: Running) -> None:
    for path in ("/n/e", "/n/s.js", "/p", "/s.js", "/0123456789.js"):
        assert collector.get(path).status == 404, path


@pytest.mark.parametrize("alias", ["n", "/", "/n/", "/n//m", "/a b", "/ש", "/a/b/c/d/e"])
def test_an_alias_is_a_path(alias: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="alias"):
        Settings(data=tmp_path, alias=alias)


def test_names() -> None:
    assert file_of("/s.js") == "netiv-short.js"
    assert file_of("/0a1b2c3d4e.js") == "netiv.0a1b2c3d4e.js"
    assert file_of("/0a1b2c3d4e.mjs") == "netiv.0a1b2c3d4e.mjs"
    for name in ("", "/", "/x.js", "/e", "/0a1b2c3d4e.js.map", "/../0a1b2c3d4e.js", "0a1b2c3d4e.js"):
        assert file_of(name) == ""


def test_the_tag_of_the_alias_is_shown_where_there_is_one() -> None:
    from netiv.snippet import _File

    file = _File("netiv.0a1b2c3d4e.js", "sha384-x")
    assert [tag for _, tag in tags("https://c.example", "wk_1", file, "https://c.example/n")][2] == (
        '<script async src="https://c.example/n/s.js" data-key="wk_1"></script>'
    )
    assert len(tags("https://c.example", "wk_1", file)) == 2
