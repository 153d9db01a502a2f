"""The way to ask running consumers for something: a loopback port, and a file only the owner of the data folder can read.

One line of JSON in, one out. The file holds the port and a secret made at every start; it goes when the consumers stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from consumers.identity.requests import Done, Request
from consumers.rules.requests import RulesRequest
from consumers.warehouse.contract import WarehouseError

FILE: Final = "control"
# A hundred persons, each by an id of the greatest length.
LINE_MAX: Final = 256 * 1024
Asking = Request | RulesRequest
Perform = Callable[[Asking], Awaitable[Done]]


class Door(msgspec.Struct, frozen=True):
    """Where to knock, and the word."""

    port: int
    secret: str


class Asked(msgspec.Struct, frozen=True):
    """What comes in."""

    secret: str
    request: Asking


@contextlib.asynccontextmanager
async def serve_control(data: Path, perform: Perform) -> AsyncIterator[None]:
    """Answer requests while this is open."""
    secret = secrets.token_urlsafe(32)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            done = await _answer(await reader.readline(), secret, perform)
            writer.write(msgspec.json.encode(done) + b"\n")
            await writer.drain()
        except (OSError, ValueError):
            pass  # they hung up, or sent no line
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=LINE_MAX)
    path = data / FILE
    _write(path, msgspec.json.encode(Door(server.sockets[0].getsockname()[1], secret)))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        server.close()


async def _answer(line: bytes, secret: str, perform: Perform) -> Done:
    try:
        asked = msgspec.json.decode(line, type=Asked)
    except msgspec.MsgspecError as error:
        return Done(error=f"not understood: {error}")
    if not secrets.compare_digest(asked.secret, secret):
        return Done(error="wrong secret")
    try:
        return await perform(asked.request)
    except WarehouseError as error:
        return Done(error=str(error), hint=error.hint)


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


async def ask(data: Path, request: Asking) -> Done | None:
    """The answer of running consumers; None when none run here."""
    try:
        door = msgspec.json.decode((data / FILE).read_bytes(), type=Door)
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port, limit=LINE_MAX)
    except (OSError, msgspec.MsgspecError):
        return None
    try:
        writer.write(msgspec.json.encode(Asked(door.secret, request)) + b"\n")
        line = await reader.readline()
        return msgspec.json.decode(line, type=Done) if line else Done(error="the consumers stopped meanwhile")
    finally:
        writer.close()
