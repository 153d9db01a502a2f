"""Writes docs/rejections.md from the tables of codes: `python docs/generate_rejections.py`."""

from __future__ import annotations

from pathlib import Path

from collector.answers import REQUEST_CODES, status_of
from schemas.rejection import CAUSES, CODES

PAGE = Path(__file__).with_name("rejections.md")
HEAD = """# Rejections

The set of codes is closed. This page is made by `python docs/generate_rejections.py`.

## Events

A refused event is kept whole in `bad_events` with one of these codes, a JSON pointer to what is wrong and a message; its neighbours
in the batch are not touched. `netiv report bad` counts them by site, dialect, code, place and sender; `netiv replay --where … --patch …`
enters them again, mended, at their own time. `netiv import` writes the same codes into FILE.rejected.csv. A code that concerns
a whole body answers the request with the status given here.

| code | status | what it means | what mostly causes it | cure at the sender | cure of what was kept (an example of `--patch`) |
|---|---|---|---|---|---|
"""
REQUESTS = """
## Requests

These refuse a request before anything of it is understood or kept. Every error has the body `{"error":{"code","message","hint"}}`;
503 always has `Retry-After`, in seconds.

| code | status | what it means | cure |
|---|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    events = []
    for code, (meaning, hint) in CODES.items():
        cause, patch = CAUSES[code]
        mend = f"`{patch}`" if patch.startswith("[") else patch or "send it again"
        events.append(f"| `{code}` | {status_of(code)} | {meaning} | {cause} | {hint} | {mend} |\n")
    requests = [
        f"| `{code}` | {status} | {meaning} | {hint} |\n" for code, (status, meaning, hint) in REQUEST_CODES.items()
    ]
    return HEAD + "".join(events) + REQUESTS + "".join(requests)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
