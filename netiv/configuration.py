"""Settings for a command: its options over the environment over `netiv.toml`, with errors a person can act on."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from netiv.errors import CommandError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from schemas.settings import Settings


# Read elsewhere: by `netiv import`, by children of `netiv up`, by containers that run beside ours.
_OTHER_VARIABLES = frozenset({"NETIV_SECRET_KEY", "NETIV_LIFELINE_FD", "NETIV_BI_PASSWORD"})
# What Kubernetes tells every container of services whose names begin so (NETIV_COLLECTOR_PORT=tcp://…).
_OF_SERVICE = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)|=(tcp|udp)://")


def load(**options: object) -> Settings:
    """The settings; options that are None were not given."""
    import tomllib

    from pydantic import ValidationError

    from schemas.settings import Settings

    try:
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        return Settings(**given)
    except ValidationError as error:
        if unknown := [str(item["loc"][0]) for item in error.errors() if item["type"] == "extra_forbidden"]:
            raise CommandError(
                f"netiv.toml names {', '.join(unknown)}: no such setting.", _meant(unknown, ""), code=2
            ) from None
        raise CommandError(
            _first(error), "Correct the option, NETIV_* variable or line of netiv.toml.", code=2
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"netiv.toml is not valid TOML: {error}", "Correct that line of netiv.toml.") from None
    except ValueError as error:  # pydantic-settings: a NETIV_* variable of a list that is no JSON
        raise CommandError(
            f"Settings can't be read: {error}", "Lists are JSON: NETIV_TRUSTED_PROXIES='[\"10.0.0.0/8\"]'."
        ) from None


def _first(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']} (got {item['input']!r})"
        for item in error.errors()
    ]
    return "Settings are wrong: " + "; ".join(problems)


def strange_variables() -> list[tuple[str, str]]:
    """(variable, what may have been meant) of the environment's NETIV_* variables that nothing reads."""
    from schemas.settings import Settings

    known = {f"NETIV_{name.upper()}" for name in Settings.model_fields} | _OTHER_VARIABLES
    strange = sorted(
        name
        for name, value in os.environ.items()
        if name.upper().startswith("NETIV_") and name.upper() not in known and not _OF_SERVICE.search(f"{name}={value}")
    )
    return [(name, _meant([name], "NETIV_")) for name in strange]


def _meant(names: list[str], prefix: str) -> str:
    import difflib

    from schemas.settings import Settings

    near = [
        found
        for name in names
        for found in difflib.get_close_matches(name.lower().removeprefix("netiv_"), Settings.model_fields, 1)
    ]
    asked = " and ".join(f"{prefix}{name.upper() if prefix else name}" for name in near)
    return f"{f'Did you mean {asked}? ' if near else ''}The settings are listed in docs/settings.md."


def environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a child process these very settings, wherever each came from."""
    child = dict(os.environ)
    for name, value in settings.model_dump(mode="json").items():
        if value is None:
            child.pop(f"NETIV_{name.upper()}", None)
        elif isinstance(value, list):
            import json

            child[f"NETIV_{name.upper()}"] = json.dumps(value)
        else:
            child[f"NETIV_{name.upper()}"] = str(value)
    return child


def variables_for_others(settings: Settings) -> str:
    """What tells commands in other terminals of this folder where a stack of these settings is; "" where they know."""
    import shlex

    theirs = load()
    places = [("PORT", settings.port, theirs.port), ("DATA", settings.data.resolve(), theirs.data.resolve())]
    if not settings.clickhouse:
        places.insert(1, ("CLICKHOUSE_PORT", settings.clickhouse_port, theirs.clickhouse_port))
    return " ".join(f"NETIV_{name}={shlex.quote(str(ours))}" for name, ours, known in places if ours != known)


def reachable(host: str) -> str:
    """The address at which a listener on `host` is reached from this machine, ready for a URL."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 — a comparison, nothing is bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def stack_url(settings: Settings) -> str:
    """Where commands find the endpoints of a running stack: below the address that was given, else below where the collector
    of these settings listens; under `path_prefix`, whether or not the address given names it."""
    return origin_url(settings) + settings.path_prefix


def origin_url(settings: Settings) -> str:
    """The same without `path_prefix`: what stands outside of it is here (`alias`)."""
    given = settings.url.rstrip("/").removesuffix(settings.path_prefix)
    return given or f"http://{reachable(settings.host)}:{settings.port}"


def collector_url(settings: Settings) -> str:
    """Where the collector of these settings answers on this machine."""
    return f"http://{reachable(settings.host)}:{settings.port}{settings.path_prefix}"


def clickhouse_url(settings: Settings) -> str:
    """Where the warehouse answers over HTTP."""
    return settings.clickhouse or f"http://{reachable(settings.host)}:{settings.clickhouse_port}"
