"""JSON Patch: the examples of RFC 6902 and its refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from netiv.replaying.patch import PatchFailed, apply, parse


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["a"]}], {"foo": ["bar", ["a"]]}),
        ({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
        ({"a": [1, 2, 3]}, [{"op": "remove", "path": "/a/1"}], {"a": [1, 3]}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": None}], {"a": None}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": 1, "b": 1}),
        ({"a/b": 1, "m~n": 2}, [{"op": "test", "path": "/a~1b", "value": 1}, {"op": "remove", "path": "/m~0n"}], {"a/b": 1}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": [1]}], [1]),
    ],
)  # fmt: skip
def test_operations(document: Any, operations: Any, expected: Any) -> None:
    before = json.dumps(document)
    assert apply(document, parse(json.dumps(operations).encode())) == expected
    assert json.dumps(document) == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/x"}, {"op": "replace", "path": "/x", "value": 1}, {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/x/y", "value": 1}, {"op": "add", "path": "a", "value": 1}, {"op": "dance", "path": "/a"},
        {"op": "move", "from": "/x", "path": "/b"}, {"op": "add", "path": "/l/9", "value": 1},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(operation: Any) -> None:
    with pytest.raises(PatchFailed):
        apply({"a": 1, "l": [1]}, parse(json.dumps([operation]).encode()))
