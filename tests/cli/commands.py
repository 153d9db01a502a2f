"""All commands of `netiv`, and all groups of them, by name; "" is `netiv` itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from netiv.main import app


def _walked(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walked(inner, f"{path} {name}".strip())
    yield path, command


COMMANDS = dict(_walked(get_command(app)))


def options_of(name: str) -> set[str]:
    """The options that a command takes, as they are typed."""
    return {one for parameter in COMMANDS[name].params for one in (*parameter.opts, *parameter.secondary_opts)}
