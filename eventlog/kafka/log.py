"""The Kafka log: the `Log` contract on one topic. Composition root of this package."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from aiokafka.client import AIOKafkaClient

from eventlog.clock import epoch_ms
from eventlog.contract import LogUnavailable, Position, Record, Stored, Waiter
from eventlog.kafka import retention
from eventlog.kafka.config import REQUEST_S, KafkaConfig, config_of
from eventlog.kafka.diagnosis import reaching
from eventlog.kafka.peek import Peek
from eventlog.kafka.progress import Progress
from eventlog.kafka.reader import KafkaReader, Membership
from eventlog.kafka.topic import Topic, find_topic, require_same
from eventlog.kafka.writing import Writing
from eventlog.places import Run, check, positions, runs
from schemas.settings import Settings


async def open_kafka_log(settings: Settings | KafkaConfig, *, clock_ms: Callable[[], int] = epoch_ms) -> KafkaLog:
    """Connect to the topic, which must be there (`ensure_topic`). Raises `LogError`."""
    config = config_of(settings) if isinstance(settings, Settings) else settings
    client = AIOKafkaClient(**config.client())
    log: KafkaLog | None = None
    try:
        async with reaching(config, REQUEST_S):
            await client.bootstrap()
        log = KafkaLog(config, client, await find_topic(client, config.topic), clock_ms)
        await log.start()
    except BaseException:
        await (client.close() if log is None else log.close())
        raise
    return log


class KafkaLog:
    """Belongs to the event loop it was opened on."""

    def __init__(self, config: KafkaConfig, client: AIOKafkaClient, topic: Topic, clock_ms: Callable[[], int]) -> None:
        self._config = config
        self._client = client
        self._topic = topic
        self._clock_ms = clock_ms
        self._writing = Writing(config, topic, clock_ms)
        self._peek = Peek(config, topic)
        self._progress = Progress(client, topic)
        self._readers: set[KafkaReader] = set()
        self._closed = False

    async def start(self) -> None:
        """Connect the parts."""
        await self._writing.start()
        await self._peek.start()

    @property
    def generation(self) -> int:
        """Made from the topic's id."""
        return self._topic.generation

    @property
    def partitions(self) -> int:
        """As the topic has them."""
        return self._topic.partitions

    async def append(self, records: Sequence[Record]) -> list[Position]:
        """Append durably. After `LogUnavailable` some of the records may be stored: retry with the same ids."""
        if not records:
            return []
        future: asyncio.Future[Sequence[int]] = asyncio.get_running_loop().create_future()
        self.submit(records, future)
        return self.positions(await future)

    def submit(self, records: Sequence[Record], waiter: Waiter) -> None:
        """See `DirectLog.submit`."""
        self._writing.submit(records, waiter)

    def positions(self, places: Sequence[int]) -> list[Position]:
        """Places as positions."""
        return positions(self.generation, places)

    def runs(self, places: Sequence[int]) -> list[Run]:
        """Places as runs of neighbours."""
        return runs(self.generation, places)

    async def reader(self, group: str) -> KafkaReader:
        """A new member of `group`; returns when it has its first partitions (perhaps none)."""
        self._check()
        committed = partial(self._sound_commits, group)
        membership = Membership(group, committed, self._peek.starts, self._require_same_topic, self._readers.discard)
        reader = KafkaReader(self._config, self._topic, membership)
        self._readers.add(reader)
        await reader.start()
        return reader

    async def ends(self) -> dict[int, int]:
        """The next offset of every partition. Raises `LogChanged`."""
        self._check()
        await require_same(self._client, self._topic, REQUEST_S)
        return await self._peek.ends()

    async def committed(self, group: str) -> dict[int, int]:
        """The group's commits (or the marks of this name)."""
        self._check()
        return await self._progress.read(self._config.group(group))

    async def oldest_unread_at(self, group: str) -> dict[int, int]:
        """When the oldest record beyond the group's commits was appended, by partition."""
        committed, ends = await self.committed(group), await self.ends()
        if all(committed[partition] >= end for partition, end in ends.items()):
            return {}
        starts = await self._peek.starts()
        places = {p: max(committed[p], starts[p]) for p, end in ends.items() if max(committed[p], starts[p]) < end}
        return {one.position.partition: one.appended_at for one in await self._peek.one_each(places, ends)}

    async def read_from(self, partition: int, offset: int, records_max: int, bytes_max: int) -> list[Stored]:
        """Look at records without joining a group."""
        self._check()
        check({partition: offset}, self.partitions)
        return await self._peek.read(partition, offset, records_max, bytes_max)

    async def mark(self, name: str, offsets: Mapping[int, int]) -> None:
        """Publish progress, durably."""
        self._check()
        check(offsets, self.partitions)
        await self._progress.write(self._config.group(name), offsets)

    async def retain(self, age_max_s: float, bytes_max: int, groups: Sequence[str]) -> int:
        """Drop what is old or too much and no group needs."""
        self._check()
        starts, ends = await self._peek.starts(), await self._peek.ends()
        limits = dict(ends)
        for group in groups:
            committed = await self.committed(group)
            limits = {p: min(limit, committed[p]) for p, limit in limits.items()}
        newer = await self._peek.offsets_at(self._clock_ms() - int(age_max_s * 1000))
        dropping = retention.keep_from(starts, limits, {p: newer.get(p, end) for p, end in ends.items()})
        kept = {**starts, **dropping}
        sizes = await retention.record_sizes(self._peek, kept, ends)
        dropping |= retention.keep_from(kept, limits, retention.beyond_size(kept, ends, sizes, bytes_max))
        if dropping:
            await retention.drop(self._config, self._topic, dropping)
        return sum(offset - starts[p] for p, offset in dropping.items())

    async def close(self) -> None:
        """Give appends under way a moment, leave the groups, disconnect. More than once is fine."""
        if self._closed:
            return
        self._closed = True
        for reader in tuple(self._readers):
            await reader.close()
        await self._writing.close()
        await self._peek.close()
        await self._client.close()

    async def _require_same_topic(self) -> None:
        await require_same(self._client, self._topic)

    async def _sound_commits(self, group: str) -> dict[int, int]:
        """The group's commits; one beyond the end of its partition is of a topic before this one, and none of this."""
        await self._require_same_topic()
        committed = await self.committed(group)
        ends = await self._peek.ends()
        return {p: offset if offset <= ends[p] else 0 for p, offset in committed.items()}

    def _check(self) -> None:
        if self._closed:
            raise LogUnavailable("The log is closed")
