"""What `netiv up` tells a person when everything is ready: addresses, the snippet, a first event, where to look."""

from __future__ import annotations

import msgspec

SHOWN_ONCE = "(shown once; only a hash is kept)"


class Welcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The addresses, the keys where a first site was made, and the variables by which commands elsewhere find all this."""

    collector: str
    clickhouse: str
    database: str
    data: str
    pid: int
    site: str = ""
    write_key: str = ""
    secret_key: str = ""
    variables: str = ""
    demo: str = ""  # the shop's address


def snippet(welcome: Welcome) -> str:
    """The tag to paste into a page."""
    key = welcome.write_key or "YOUR_WRITE_KEY"
    return f'<script async src="{welcome.collector}/netiv.js" data-key="{key}"></script>'


def curl(welcome: Welcome) -> str:
    """A first event."""
    key = welcome.write_key or "YOUR_WRITE_KEY"
    page = "https://shop.example/?utm_source=google&utm_medium=cpc"
    event = f'{{"type":"page","visitor_id":"me","context":{{"url":"{page}"}}}}'
    headers = f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    return f"curl {welcome.collector}/v1/events {headers} \\\n    -d '{event}'"


def show(welcome: Welcome) -> None:
    """Print the panel. Plain lines inside, so that what is to be copied can be copied."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.rule("Netiv is ready", align="left", style="green")
    console.print(f"Collector    {welcome.collector}        (docs at /docs, how far it is at /v1/lag)")
    console.print(f"ClickHouse   {welcome.clickhouse}        (database {welcome.database}, read-only, for BI tools)")
    if welcome.demo:
        console.print(f"Demo shop    {welcome.demo}        (click through it and watch the path appear)")
    console.print(f"Data folder  {welcome.data}")
    if welcome.variables:
        console.print(f"Elsewhere    export {welcome.variables}        (so that commands in other terminals find it)")
    if welcome.write_key:
        console.print(f"\nA first site was made: {welcome.site} {SHOWN_ONCE}")
        console.print(f"  write key   {welcome.write_key}   public, for browsers")
        console.print(f"  secret key  {welcome.secret_key}   for servers only")
    else:
        console.print("\nNew keys: netiv sites rotate NAME --write --keep-old-for 7d")
    console.print(f"\nPaste into your pages:\n  {snippet(welcome)}")
    console.print(f"\nOr send a first event:\n  {curl(welcome)}")
    query = "SELECT * FROM v_sessions FORMAT Pretty"
    console.print(f"\nThen ask:\n  curl '{welcome.clickhouse}/?database={welcome.database}' -d '{query}'")
    console.print("\nnetiv demo shows it with 300 people's journeys. Ctrl-C stops.")
    console.rule(style="green")
