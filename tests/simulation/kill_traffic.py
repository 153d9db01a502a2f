"""Traffic for the kill tests: sealed requests with ids of their own, and the oracle that notes which were acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from typing import Any

import msgspec

BEGIN = 1_772_495_400_000
LINKS = ("", "?utm_source=google&utm_medium=cpc", "?utm_source=news&utm_medium=email", "?gclid=x", "")


class Request(msgspec.Struct, frozen=True):
    """One POST: its body and the ids in it."""

    key: str
    body: bytes
    ids: tuple[str, ...]


def events(count: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Events of many visitors over some days, in no order of time."""
    for number in range(count):
        visitor = chance.randrange(count // 30)
        kind = chance.choices(("page", "identify", "logged_out", "conversion", "refund", "touch"), (80, 5, 2, 7, 2, 4))[
            0
        ]
        event: dict[str, Any] = {
            "type": "track" if kind == "logged_out" else kind, "event_id": f"e{number}", "visitor_id": f"v{visitor}",
            "created_at": BEGIN - chance.randrange(5 * 86_400_000),
            "context": {"url": f"https://example.com/{chance.choice(LINKS)}"},
        }  # fmt: skip
        if kind == "identify":
            event["user_id"] = f"u{chance.randrange(visitor // 2, visitor // 2 + 2)}"
        elif kind == "logged_out":
            event["name"] = kind
        elif kind in ("conversion", "refund"):
            event["order"] = {
                "id": f"o{chance.randrange(count // 20)}",
                "value": chance.randrange(1, 90),
                "currency": "ILS",
            }
        elif kind == "touch":
            event["touch"] = {"kind": "impression", "source": "tv"}
        yield event


def requests(count: int, keys: tuple[str, ...], chance: random.Random) -> list[Request]:
    """Batches of 60 and single events."""
    waiting, made = list(events(count, chance)), []
    while waiting:
        size = chance.choice((1, 60, 60))
        part, waiting = waiting[:size], waiting[size:]
        body = msgspec.json.encode({"events": part} if size > 1 else part[0])
        made.append(Request(chance.choice(keys), body, tuple(event["event_id"] for event in part)))
    return made


class Traffic:
    """Several connections that send until every request was acknowledged, the same bytes again after any doubt."""

    def __init__(self, port: int, waiting: list[Request]) -> None:
        self._port = port
        self._waiting = iter(waiting)
        self.acknowledged: set[str] = set()
        self.doubts = 0

    async def run(self, connections: int) -> None:
        await asyncio.gather(*(self._connection() for _ in range(connections)))

    async def _connection(self) -> None:
        request = next(self._waiting, None)
        while request is not None:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                with contextlib.closing(writer):
                    while request is not None:
                        if await _exchange(reader, writer, request):
                            self.acknowledged.update(request.ids)
                            request = next(self._waiting, None)
            except (OSError, asyncio.IncompleteReadError):
                self.doubts += 1
                await asyncio.sleep(0.1)  # the collector is dead or starting


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> bool:
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {request.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(request.body)}\r\n\r\n"
    )
    writer.write(head.encode() + request.body)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    status = int(answer[9:12])
    assert status in (202, 503), f"{status} {body!r}"
    return status == 202 and not msgspec.json.decode(body)["rejected"]
