"""JSON Patch (RFC 6902) over plain values. Pure; the value that is patched is not changed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec


class PatchFailed(Exception):
    """The patch does not fit this value."""


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation."""

    op: str
    path: str
    value: Any = None
    from_: str = msgspec.field(name="from", default="")


def parse(content: bytes) -> list[Operation]:
    """The operations of a patch document. Raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(content, type=list[Operation])


def apply(document: Any, operations: list[Operation]) -> Any:
    """The document after all operations. Raises `PatchFailed`."""
    root = {"": deepcopy(document)}
    for one in operations:
        if one.op in ("add", "replace"):
            if one.op == "replace":
                _get(root, one.path)
            _put(root, one.path, deepcopy(one.value), replace=one.op == "replace")
        elif one.op == "remove":
            _remove(root, one.path)
        elif one.op == "test":
            if _get(root, one.path) != one.value:
                raise PatchFailed(f"test of {one.path or 'the whole'} failed")
        elif one.op in ("copy", "move"):
            value = deepcopy(_get(root, one.from_))
            if one.op == "move":
                _remove(root, one.from_)
            _put(root, one.path, value, replace=False)
        else:
            raise PatchFailed(f"{one.op} is no operation")
    return root[""]


def _place(root: Any, pointer: str) -> tuple[Any, str]:
    if pointer and not pointer.startswith("/"):
        raise PatchFailed(f"{pointer} is no JSON pointer")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
    holder = root
    for step in steps[:-1]:
        holder = _step(holder, step, pointer)
    return holder, steps[-1]


def _step(holder: Any, step: str, pointer: str) -> Any:
    if isinstance(holder, dict) and step in holder:
        return holder[step]
    if isinstance(holder, list) and step.isdigit() and int(step) < len(holder):
        return holder[int(step)]
    raise PatchFailed(f"{pointer} is not there")


def _get(root: Any, pointer: str) -> Any:
    holder, last = _place(root, pointer)
    return _step(holder, last, pointer)


def _put(root: Any, pointer: str, value: Any, *, replace: bool) -> None:
    holder, last = _place(root, pointer)
    if isinstance(holder, dict):
        holder[last] = value
    elif isinstance(holder, list) and last == "-" and not replace:
        holder.append(value)
    elif isinstance(holder, list) and last.isdigit() and int(last) <= len(holder):
        if replace:
            holder[int(last)] = value
        else:
            holder.insert(int(last), value)
    else:
        raise PatchFailed(f"{pointer} is not there")


def _remove(root: Any, pointer: str) -> None:
    holder, last = _place(root, pointer)
    _step(holder, last, pointer)
    if isinstance(holder, dict):
        del holder[last]
    else:
        del holder[int(last)]
