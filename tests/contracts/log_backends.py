"""The backends that stand behind the `Log` contract in tests. One joins by adding its factory and its writer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from eventlog.contract import Log
from eventlog.embedded import open_embedded_log
from tests.kafka.backend import KAFKA_WRITER, open_in_kafka

# Opens the same log at every call; the second argument is the number of partitions.
Factory = Callable[[Path, int], Awaitable[Log]]
# What a writer in another process runs: `python -c WRITERS[backend] <where> <writer's name> <records>`.
EMBEDDED_WRITER = """
import asyncio, sys
from pathlib import Path
from eventlog.contract import Record
from eventlog.embedded import open_embedded_log

async def main(where, name, count):
    log = await open_embedded_log(Path(where))
    async def publish(lane):
        for n in range(count // 4):
            await log.append([Record(f"{name}-{lane}".encode(), str(n).encode())])
    await asyncio.gather(*(publish(lane) for lane in range(4)))
    await log.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def _embedded(place: Path, partitions: int) -> Log:
    return await open_embedded_log(place / "log", partitions=partitions)


FACTORIES: dict[str, Factory] = {"embedded": _embedded, "kafka": open_in_kafka}
WRITERS: dict[str, str] = {"embedded": EMBEDDED_WRITER, "kafka": KAFKA_WRITER}


class Backend:
    """One backend in one place: opens its log any number of times and closes what was opened."""

    def __init__(self, name: str, place: Path) -> None:
        self.writer = WRITERS[name]
        self.place = place
        self._factory = FACTORIES[name]

    async def open(self, partitions: int = 1) -> Log:
        return await self._factory(self.place, partitions)

    @asynccontextmanager
    async def log(self, partitions: int = 1) -> AsyncIterator[Log]:
        log = await self.open(partitions)
        try:
            yield log
        finally:
            await log.close()
