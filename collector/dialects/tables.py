"""The documentation of the dialects, made from their tables of fields: `python -m collector.dialects.tables > docs/dialects.md`."""

from __future__ import annotations

import sys
from typing import Final

from collector.dialects.catalogue import DIALECTS
from collector.dialects.contract import Dialect

_INTRODUCTION: Final = """# Dialects

Clients of other systems can send to Netiv unmodified: point them at the collector and give the site an alias that is the
key they already use (`netiv sites add NAME --update --alias KEY`). Whatever they say becomes a canonical event. Fields
without a place in it are kept, as sent, under `properties.$dialect`; keys and envelopes are not stored.

A key in the place of the write key may also be the site's secret key (in a server's client): then `ip` and `user_agent`
in the events are believed, and times may lie any time back.

This page is made from the decoders' own tables (`python -m collector.dialects.tables`); a test fails when a captured
request holds a field that is in none of them.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *(section(dialect) for dialect in DIALECTS)])


def section(dialect: Dialect) -> str:
    """One dialect: its paths and its fields."""
    paths = ", ".join(f"`{path}`" for path in sorted(dialect.paths)) or "`/v{version}/{pixel}/events`"
    rows = [f"| `{path}` | {place} |" for path, place in dialect.fields.mapped.items()]
    kept = ", ".join(f"`{path}`" for path in dialect.fields.kept) or "none"
    transport = ", ".join(f"`{path}` ({why})" for path, why in dialect.fields.transport.items()) or "none"
    lines = [
        f"## {dialect.name}",
        "",
        f"{dialect.clients}. Paths: {paths}.",
        "",
        "| field | goes to |",
        "| --- | --- |",
        *rows,
        "",
        f"Kept under `properties.$dialect`: {kept}.",
        "",
        f"Not stored: {transport}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
