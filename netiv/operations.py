"""Have a request performed: by the running consumers, else by this process, which then owns the tables."""

from __future__ import annotations

import getpass
import sys
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
    import msgspec

    from consumers.identity.asking import asked_of_running, perform
    from consumers.identity.requests import Reread
    from netiv import configuration, output, sites_change, sites_file, working
    from netiv.errors import CommandError

    settings = configuration.load(data=data)
    if not isinstance(request, Reread):
        listed = sites_change.find(sites_file.read(settings.sites_file), request.site) is not None
        request = msgspec.structs.replace(request, listed=listed)
    done = asked_of_running(settings, request)
    if done is None:
        done = working.here(settings, "At work", lambda _: perform(settings, request))
    if done.error:
        raise CommandError(done.error, done.hint or "Run `netiv doctor`.")
    if as_json:
        output.as_json({"count": done.count})
    if done.hint:
        print(done.hint, file=sys.stderr if as_json else sys.stdout)
    elif not as_json:
        print(f"{done.count:,} {what}.")
