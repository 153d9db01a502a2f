"""Mutated captures: no decoder raises, the collector never answers 5xx, and every input is accepted or a bad event.

`NETIV_HYPOTHESIS=long` runs 100,000 mutations and more.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from collector_server import write_sites
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.app import Collector, create_app
from collector.dialects.catalogue import find
from collector.dialects.contract import Decoded, Request
from eventlog.contract import Log
from eventlog.embedded import open_embedded_log
from schemas.settings import Settings
from tests.dialects.captured import Capture, captures, examples, messages
from tests.dialects.conftest import SITES

LONG = os.environ.get("NETIV_HYPOTHESIS") == "long"
PURE = settings(max_examples=60_000 if LONG else 300, deadline=None, suppress_health_check=list(HealthCheck))
LIVE = settings(max_examples=50_000 if LONG else 150, deadline=None, suppress_health_check=list(HealthCheck))
INTERESTING = [b"\x00", b"\xff", b"\\ud83d", b"\\u0000", b"null", b"{}", b"[]", b"[[[[", b"NaN", b"1e999", b"%00", b"%zz", b"&", b"=", b"\"", b"\\",
               b"-1", b"9" * 400, b"{\"a\":" * 40, b"\xed\xa0\xbd", b"\x1f\x8b", b"true", b"\"\"", b"%22", b";", b"\xef\xbb\xbf"]  # fmt: skip


def sources() -> list[Capture]:
    """One capture of each client and path: the others are alike."""
    seen: dict[tuple[str, str, str], Capture] = {}
    for capture in [*messages(), *examples()]:
        seen.setdefault((capture.client, capture.path, capture.scenario if capture in examples() else ""), capture)
    return list(seen.values())


SOURCES = sources()


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A few cuts, repeats, flips and insertions."""
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(len(content) + 1)
        end = min(len(content), place + chance.choice((1, 2, 8, 60)))
        match chance.randrange(5):
            case 0:
                content = content[:place] + content[end:]
            case 1:
                content = content[:place] + chance.choice(INTERESTING) + content[place:]
            case 2:
                content = content[:place] + chance.choice(INTERESTING) + content[end:]
            case 3:
                content = content[:place] + content[place:end] * chance.choice((2, 30)) + content[end:]
            case _:
                content = (
                    content[:place]
                    + bytes(byte ^ 1 << chance.randrange(8) for byte in content[place:end])
                    + content[end:]
                )
    return content


def of_type(value: Any, chance: random.Random) -> Any:
    """A value of another type somewhere in a document."""
    if isinstance(value, dict) and value:
        name = chance.choice(list(value))
        if chance.random() < 0.6:
            return {**value, name: of_type(value[name], chance)}
        return {
            **value,
            name: chance.choice((None, 0, -1.5, "", "x" * 9000, [], {}, [{}], True, 10**25, {"a": {"b": []}})),
        }
    if isinstance(value, list) and value:
        place = chance.randrange(len(value))
        return [*value[:place], of_type(value[place], chance), *value[place + 1 :]]
    return chance.choice((None, 0, "", [], {}, True, "2020-13-45", "\0"))


def mutation(capture: Capture, seed: int) -> Request:
    chance = random.Random(seed)
    request = capture.request
    body, query = request.body, request.query
    if body and chance.random() < 0.5:
        try:
            body = msgspec.json.encode(of_type(msgspec.json.decode(body), chance))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            body = mutated(body, chance)
    elif body:
        body = mutated(body, chance)
    if query and (not body or chance.random() < 0.3):
        query = mutated(query, chance).replace(b" ", b"").replace(b"\r", b"").replace(b"\n", b"")
    return Request(request.method, request.path, query, request.headers, body)


@PURE
@given(st.sampled_from(SOURCES), st.integers(0, 2**32))
def test_no_decoder_raises(capture: Capture, seed: int) -> None:
    request = mutation(capture, seed)
    dialect = find(request.path)
    assert dialect is not None
    decoded = dialect.decode(request)
    assert isinstance(decoded, Decoded)
    msgspec.json.encode([item.event for item in decoded.items])


class Harness:
    """A collector called as ASGI, over a real log."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.settings = Settings(data=folder, port=0)
        write_sites(self.settings, SITES)
        self.log: Log = self.runner.run(open_embedded_log(folder / "log"))
        app = create_app(self.settings, self.log)
        assert isinstance(app, Collector)
        self.app = app

    def end(self) -> int:
        return sum(self.runner.run(self.log.ends()).values())

    def ask(self, request: Request) -> int:
        return self.runner.run(self._ask(request))

    async def _ask(self, request: Request) -> int:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name not in (b"content-encoding", b"content-length")
        ]
        scope = {
            "type": "http", "method": request.method, "path": request.path, "query_string": request.query, "headers": headers,
            "scheme": "http", "client": ("192.0.2.1", 1), "http_version": "1.1",
        }  # fmt: skip
        await self.app(scope, receive, send)
        return sent[0]["status"]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    made = Harness(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.runner.run(made.log.close())
    made.runner.close()


def test_mutations_are_accepted_or_bad_events(harness: Harness) -> None:
    """With a key, whatever a request holds is in the log afterwards; and nothing is ever a 5xx."""
    known: set[bytes] = set()

    @LIVE
    @given(st.sampled_from(SOURCES), st.integers(0, 2**32), st.integers(0, 2**62))
    def law(capture: Capture, seed: int, stamp: int) -> None:
        request = mutation(capture, seed)
        # the key in the header or query of every request, as for native events: what is tried is the body
        query = b"&".join(part for part in (request.query, b"write_key=wk_dialects", b"_fuzz=%d" % stamp) if part)
        request = Request(request.method, request.path, query, request.headers, request.body)
        before = harness.end()
        status = harness.ask(request)
        assert status < 500, status
        if status == 400:
            assert harness.end() > before, "refused and not kept"
        elif status in (401, 403, 413):
            assert harness.end() == before
        else:
            assert status in (200, 204)
            fresh = holds(request) - known
            known.update(fresh)
            assert harness.end() > before or not fresh, "answered with success and not kept"

    law()


def holds(request: Request) -> set[bytes]:
    """What the decoder finds in a request. An event that was sent before may be known to the collector."""
    dialect = find(request.path)
    assert dialect is not None
    decoded = dialect.decode(request)
    for item in decoded.items:
        if isinstance(item.event.get("context"), dict):
            item.event["context"].pop("ip", None)  # never stored, so events that differ by it only are one
    return {msgspec.json.encode(item.event, order="deterministic") for item in decoded.items} | {
        one.payload for one in decoded.refused
    }


def test_the_captures_are_there() -> None:
    assert len(SOURCES) > 15
    assert len(captures()) > 500
