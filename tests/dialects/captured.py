"""Requests of real clients, as they were captured; and of the families without a capture, examples of their documents."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from collector.dialects.contract import Request

FOLDER = Path(__file__).parent / "captures"
EXAMPLES = FOLDER / "examples.json"
# The sites that the captures' keys name.
KEYS = ("WRITE_KEY", "shop", "localhost", "G-TEST1234", "phc_WRITE_KEY", "7", "shop.example.co.il", "978435e2-7ba1-4337-9860-ec31ece2db60",
        "1234567890")  # fmt: skip


@dataclass(frozen=True)
class Capture:
    """One request, its body as it was on the wire."""

    client: str
    scenario: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    wire: bytes

    @property
    def request(self) -> Request:
        """As a decoder sees it: without gzip."""
        body = gzip.decompress(self.wire) if self.wire[:2] == b"\x1f\x8b" else self.wire
        headers = {name.lower().encode(): value.encode("latin-1") for name, value in self.headers.items()}
        return Request(self.method, self.path, self.query.encode(), headers, body)

    @property
    def address(self) -> str:
        return self.path + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        return f"{self.client} {self.scenario} {self.method} {self.path}"


@cache
def captures() -> tuple[Capture, ...]:
    """Every captured request, preflights and settings too."""
    found = []
    for file in sorted(FOLDER.glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            told = json.loads(line)
            wire = base64.b64decode(told["body_b64"]) if "body_b64" in told else told["body_text"].encode()
            found.append(
                Capture(
                    told["client"], told["scenario"], told["method"], told["path"], told["query"], told["headers"], wire
                )
            )
    return tuple(found)


@cache
def examples() -> tuple[Capture, ...]:
    """Requests as the clients' documents and our own runs of them show."""
    listed = json.loads(EXAMPLES.read_text("utf-8"))
    return tuple(
        Capture(
            one["client"], one["scenario"], one.get("method", "POST"), one["path"], one.get("query", ""), one.get("headers", {}),
            one["body"].encode() if isinstance(one.get("body"), str) else json.dumps(one.get("body")).encode() if "body" in one else b"",
        )
        for one in listed
    )  # fmt: skip


def messages() -> list[Capture]:
    """The captures that carry events."""
    return [
        one
        for one in captures()
        if one.method == "POST" or (one.method == "GET" and one.path in ("/i", "/mtracking.gif"))
    ]
