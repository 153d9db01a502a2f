"""Settings for a command: its options over the environment over `netiv.toml`, with errors a person can act on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from netiv.errors import CommandError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from schemas.settings import Settings


def load(**options: object) -> Settings:
    """The settings; options that are None were not given."""
    import tomllib

    from pydantic import ValidationError

    from schemas.settings import Settings

    try:
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        return Settings(**given)
    except ValidationError as error:
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


def reachable(host: str) -> str:
    """The address at which a listener on `host` is reached from this machine, ready for a URL."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 — a comparison, nothing is bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def collector_url(settings: Settings) -> str:
    """Where the collector of these settings answers on this machine."""
    return f"http://{reachable(settings.host)}:{settings.port}{settings.path_prefix}"


def clickhouse_url(settings: Settings) -> str:
    """Where the warehouse answers over HTTP."""
    return settings.clickhouse or f"http://{reachable(settings.host)}:{settings.clickhouse_port}"
