"""Generic webhooks: a body's entries as canonical events, by a table of paths. What is not mapped is kept. Pure."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from collector.dialects.values import Object, finish, number
from schemas.rejection import Rejection
from schemas.webhooks import Webhook

_MISSING: Final = object()
# Fields whose members may be named in a mapping (`order.value`); everything else is one name.
_NESTED: Final = ("order", "touch", "context", "identifiers", "properties")

# Fields that are numbers: shops and payment services write amounts as text ("50.50").
_NUMBERS: Final = ("order.value", "touch.cost")


def entries_of(webhook: Webhook, body: Any) -> list[Any] | Rejection:
    """The entries of a body."""
    if not webhook.entries:
        return body if isinstance(body, list) else [body]
    found = _at(body, _steps(webhook.entries))
    if not isinstance(found, list):
        return Rejection("undecodable", webhook.entries, "the list of entries is not there")
    return found


def event_of(webhook: Webhook, entry: Any) -> Object | Rejection:
    """One entry's event. A mapped field that the entry lacks is left out; an entry without its type is not understood."""
    if not isinstance(entry, dict):
        return Rejection("not_an_object", "", "an entry is an object")
    event: Object = {}
    # One place may be mapped twice (the id of an order that is the event's too), or be part of another.
    rest = deepcopy(entry)
    for path, source in webhook.mapping.items():
        steps = [] if isinstance(source, dict) else _steps(source)
        value = source.get("const", _MISSING) if isinstance(source, dict) else _at(entry, steps) if steps else _MISSING
        if value is not _MISSING and value is not None:
            _put(event, path, _number(value) if path in _NUMBERS else deepcopy(value))
        if steps:
            _drop(rest, steps)
    if "type" not in event:
        return Rejection("undecodable", str(webhook.mapping.get("type", "")), "the mapping finds no `type`")
    properties = event.pop("properties", None)
    return finish(event, properties, rest)


def _number(value: Any) -> Any:
    """The number that a text is; anything else as it was sent, to be refused with its place."""
    found = number(value) if isinstance(value, str) else None
    return value if found is None else found


def _put(event: Object, path: str, value: Any) -> None:
    head, dot, rest = path.partition(".")
    if not dot or head not in _NESTED:
        event[path] = value
        return
    place = event.setdefault(head, {})
    inner, dot, last = rest.partition(".")
    if dot and head == "context":
        place = place.setdefault(inner, {})
        rest = last
    place[rest] = value


def _steps(pointer: str) -> list[str]:
    """The steps of a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _at(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value


def _drop(rest: Object, steps: list[str]) -> None:
    """Take out what is mapped, where it is a member of an object."""
    holder = _at(rest, steps[:-1])
    if isinstance(holder, dict):
        holder.pop(steps[-1], None)
