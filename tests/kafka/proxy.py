"""A TCP proxy in front of a broker or a server: passes, delays, refuses, or cuts what is under way."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self


class Proxy:
    """Listens on `port`; `delay_s` holds back every piece on its way to the client."""

    def __init__(self, target: str, port: int) -> None:
        self.port = port
        host, _, port = target.partition(":")
        self._target = host, int(port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.delay_s = 0.0
        self.refusing = False
        self.cuts = 0

    def cut(self) -> None:
        """Reset every connection there is, whatever passes just now."""
        for writer in tuple(self._writers):
            self.cuts += 1
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.refusing:
                writer.transport.abort()
                return
            theirs, ours = await asyncio.open_connection(*self._target)
            self._writers |= {writer, ours}
            try:
                await asyncio.gather(self._pipe(reader, ours, slow=False), self._pipe(theirs, writer, slow=True))
            finally:
                self._writers -= {writer, ours}
                ours.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, slow: bool) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                if slow and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                sink.write(piece)
                await sink.drain()
            sink.write_eof()
