"""`netiv wait`: returns when everything acknowledged before the call is derived."""

from __future__ import annotations

import typer

from netiv.commands import options

HELP = """Wait until everything acknowledged before the call is in the derived tables. Exit 1 when time runs out.

Examples:

\b
  netiv wait --timeout 60s && netiv report paths

\b
  netiv wait --url https://collect.example --json
"""


def wait(
    timeout: str = typer.Option("60s", help="How long at most (90, 60s, 5m)."),
    url: str | None = options.URL,
    json: bool = options.JSON,
) -> None:
    """See HELP."""
    import time

    from netiv import configuration, durations, lag, output
    from netiv.errors import CommandError
    from netiv.http import Client

    limit_s = durations.seconds(timeout)
    client = Client(configuration.stack_url(configuration.load(url=url)))
    started = time.monotonic()
    derived = lag.wait(client, limit_s)
    behind = lag.read(client).lag_events
    client.close()
    if json:
        output.as_json({"derived": derived, "waited_s": round(time.monotonic() - started, 3), "lag_events": behind})
    elif derived:
        print("Everything acknowledged before this call is derived.")
    if not derived:
        raise CommandError(
            f"Not derived after {timeout}: {behind} events wait.", "Are the consumers running? See `netiv doctor`."
        )
