"""The leaves of a foreign request: every value that a client sent, with its path; encoded parts opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from collector.dialects.values import unbase64
from tests.dialects.captured import Capture

Leaf = tuple[str, Any]
_ENCODED = {"cx", "ue_px"}
_TEXTS = {"co", "ue_pr", "p"}


def leaves_of(value: Any, path: str = "") -> Iterator[Leaf]:
    """(path, value); a list's entries share `[]`."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves_of(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for member in value:
            yield from leaves_of(member, f"{path}[]")
    elif value not in (None, ""):
        yield path, value


def opened(leaf: Leaf) -> Iterator[Leaf]:
    """The leaves inside a Snowplow document; their path is that of the field that held them."""
    path, value = leaf
    name = path.rpartition(".")[2]
    if name in _ENCODED or (name in _TEXTS and str(value)[:1] == "{"):
        content = unbase64(value) if name in _ENCODED else value.encode()
        assert content is not None
        yield from ((path, inner) for _, inner in leaves_of(json.loads(content)))
    elif re.fullmatch(r"pr\d+", name):  # a line of an order, as GA4 sends it from pages
        yield from ((path, part[2:]) for part in str(value).split("~"))
    else:
        yield leaf


def sent(capture: Capture, entries: str) -> Iterator[Leaf]:
    """Every leaf of a request. Paths are those of the tables: without the list that holds the events, `?` before what is
    in the query of a request with a JSON body."""
    body = capture.request.body
    try:
        document = json.loads(body) if body else None
    except ValueError:
        document = dict(parse_qsl(body.decode()))
    query = dict(parse_qsl(capture.query))
    if document is None:
        document, query = query, {}
    if isinstance(document, dict) and isinstance(document.get("requests"), list):  # Matomo's bulk
        document = [{"token_auth": "TOKEN"}, *(dict(parse_qsl(one[1:])) for one in document["requests"])]
    for name, value in query.items():
        yield f"?{name}", value
    for path, value in leaves_of(document):
        yield from opened(
            (path.removeprefix(f"{entries}[].").removeprefix("[].") if entries else path.removeprefix("[]."), value)
        )
