"""Have a request performed: by the running consumers, else by this process, which then owns the tables."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumers.identity.requests import Request


def who_asks() -> str:
    """The name of the account that runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def run(request: Request, data: Path | None, as_json: bool, what: str) -> None:
    """Perform and print."""
    from consumers.identity.asking import asked_of_running, perform
    from netiv import configuration, output, working
    from netiv.errors import CommandError

    settings = configuration.load(data=data)
    done = asked_of_running(settings, request)
    if done is None:
        done = working.here(settings, "At work", lambda _: perform(settings, request))
    if done.error:
        raise CommandError(done.error, "Run `netiv doctor`.")
    if as_json:
        output.as_json({"count": done.count})
    else:
        print(f"{done.count:,} {what}.")
