"""One member of a consumer group: reads, finds its place, commits by hand; records of a lost turn are never handed out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from eventlog.contract import Batch, LogUnavailable, LogWentBack, Position, Stored
from eventlog.kafka.config import REQUEST_S, TOPIC_BATCH_BYTES_MAX, KafkaConfig
from eventlog.kafka.faults import patiently, translate, within
from eventlog.kafka.topic import Topic
from eventlog.kafka.turns import Turns
from eventlog.places import check

JOIN_S: Final = 60.0
LOOK_S: Final = 5.0
FETCH_BYTES: Final = 4 * 1024**2
FETCH_WAIT_MS: Final = 250
CHECK_WAIT_S: Final = 0.2
LOST_HINT: Final = "The brokers deleted them before they were read: see the topic's retention, and NETIV_LOG_BYTES_MAX."


def make_consumer(config: KafkaConfig, group: str) -> AIOKafkaConsumer:
    """As this log needs one: nothing skipped, nothing committed by itself."""
    # Joining is answered when everybody has let go: a client that gives up before joins anew, and all begin again.
    patience = {"request_timeout_ms": int((config.rebalance_timeout_s + REQUEST_S) * 1000)}
    return AIOKafkaConsumer(
        **{**config.client(), **patience},
        group_id=config.group(group),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        session_timeout_ms=int(config.session_timeout_s * 1000),
        heartbeat_interval_ms=int(config.session_timeout_s * 300),
        rebalance_timeout_ms=int(config.rebalance_timeout_s * 1000),
        # A consumer whose tables are away for hours does not read, and is no zombie: it heartbeats.
        max_poll_interval_ms=24 * 3600 * 1000,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=4 * TOPIC_BATCH_BYTES_MAX,
    )


class Membership(msgspec.Struct, frozen=True):
    """What a reader was given by its log."""

    group: str
    committed: Callable[[], Awaitable[dict[int, int]]]
    starts: Callable[[], Awaitable[dict[int, int]]]
    require_same_topic: Callable[[], Awaitable[None]]
    closed: Callable[[KafkaReader], None]


class KafkaReader:
    """Starts at the group's commits."""

    def __init__(self, config: KafkaConfig, topic: Topic, membership: Membership) -> None:
        self._topic = topic
        self._membership = membership
        self._turns = Turns(config.rebalance_timeout_s * 0.8)
        self._consumer = make_consumer(config, membership.group)
        self._consumer.subscribe([topic.name], listener=self._turns)
        self._waiting: deque[Stored] = deque()
        self._nexts: dict[int, int] = {}  # of each partition, the offset up to which it was read
        self._passed: dict[int, int] = {}
        self._lost = 0
        self._commits: dict[int, int] = {}
        self._commits_turn = -1
        self._moves = 0
        self._closed = False
        self._events = structlog.get_logger("netiv.log")

    async def start(self) -> None:
        """Join the group and wait for the first turn."""
        try:
            async with within(JOIN_S):
                await self._consumer.start()
                await self._turns.wait()
        except BaseException:
            await self.close()
            raise

    async def assigned(self) -> tuple[int, frozenset[int]]:
        """The current turn. Calling this says that nothing of an earlier one is in use any more."""
        self._turns.release()
        while True:
            try:
                async with asyncio.timeout(1.0):
                    turn = await self._turns.wait()
            except TimeoutError:
                self._check()
                continue
            self._turns.hold()
            self._waiting.clear()
            self._passed.clear()
            return turn

    async def committed(self) -> dict[int, int]:
        """The group's commits for the partitions of this turn. Raises `LogChanged`."""
        number, partitions = self._turns.number, self._turns.partitions
        everyone = await self._membership.committed()
        found = {partition: everyone[partition] for partition in sorted(partitions)}
        self._commits, self._commits_turn = dict(found), number
        return found

    async def seek(self, partition: int, offset: int) -> None:
        """Read on from `offset`; what another member has by now is left to it."""
        check({partition: offset}, self._topic.partitions)
        self._moves += 1
        self._nexts[partition] = offset
        self._passed.pop(partition, None)
        self._waiting = deque(stored for stored in self._waiting if stored.position.partition != partition)
        try:
            self._consumer.seek(self._at(partition), offset)
        except IllegalStateError:
            return  # lost meanwhile; the next read says so

    async def read(self, records_max: int, bytes_max: int, wait_s: float) -> Batch:
        """What is there, or what comes within `wait_s`. Empty, with another number, when a rebalance is under way."""
        number = self._turns.number
        if not self._turns.settled:
            await asyncio.sleep(min(wait_s, 0.05))
            return Batch(number, [])
        self._turns.hold()
        if not self._waiting:
            await self._fetch(records_max, wait_s, number)
        if self._turns.number != number:
            self._waiting.clear()
            return Batch(self._turns.number, [])
        taken = self._take(records_max, bytes_max)
        lost, self._lost = self._lost, 0
        passed: dict[int, int] = {}
        if not taken:
            passed, self._passed = self._passed, passed
        return Batch(number, taken, passed, lost)

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Durable on return, for the partitions of this turn; a partition lost to another member is its business."""
        check(offsets, self._topic.partitions)
        number = self._turns.number
        if self._commits_turn != number:
            await self.committed()
        mine = self._turns.partitions
        higher = {p: offset for p, offset in offsets.items() if p in mine and offset > self._commits.get(p, 0)}
        if not higher:
            return
        await self._membership.require_same_topic()
        places = {self._at(partition): offset for partition, offset in higher.items()}
        if await patiently(lambda: self._commit(places, number)):
            self._commits.update(higher)

    async def close(self) -> None:
        """Leave the group. More than once is fine."""
        if self._closed:
            return
        self._closed = True
        self._turns.release()
        self._membership.closed(self)
        stopping = asyncio.create_task(self._consumer.stop())
        done, _ = await asyncio.wait([stopping], timeout=LOOK_S * 4)
        if not done:
            stopping.cancel()
            await asyncio.wait([stopping])
        elif (error := stopping.exception()) is not None:
            self._events.warning("reader_close", error=str(error))

    async def _commit(self, places: Mapping[Any, int], number: int) -> bool:
        """Whether it counts. Where not, others have the partitions, or will: they derive again what it would have covered."""
        if self._turns.number != number:
            return False
        try:
            await self._consumer.commit(places)
        except (CommitFailedError, IllegalStateError):
            self._events.warning("commit_lost_to_rebalance", partitions=len(places))
            return False
        return True

    async def _fetch(self, records_max: int, wait_s: float, number: int) -> None:
        """Fill `_waiting`. With records in the topic this returns some of them, however short the wait."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        latest = max(deadline, loop.time() + LOOK_S)
        while True:
            moves = self._moves
            found = await self._poll(records_max, min(max(deadline - loop.time(), 0.0), 0.5))
            if self._turns.number != number:
                return
            if moves != self._moves:
                continue
            await self._keep(found)
            if self._waiting:
                return
            if loop.time() >= deadline:
                if loop.time() >= latest or await self._at_end(number):
                    return
                await asyncio.sleep(0.01)

    async def _poll(self, records_max: int, wait_s: float) -> Mapping[Any, Any]:
        self._check()
        try:
            return await self._consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=records_max)  # type: ignore[no-any-return]
        except (KafkaError, OSError) as error:
            if not getattr(error, "retriable", True):
                raise translate(error) from error
            await asyncio.sleep(CHECK_WAIT_S)
            return {}

    async def _keep(self, found: Mapping[Any, Any]) -> None:
        generation = self._topic.generation
        for place, records in found.items():
            partition = place.partition
            begin = self._nexts.get(partition, 0)
            if records[0].offset > begin:
                await self._skipped(partition, records[0].offset)
            for record in records:
                if record.offset < begin:
                    await self._started_over(partition, begin)
                position = Position(generation, partition, record.offset)
                self._waiting.append(Stored(position, record.key or b"", record.value or b"", record.timestamp))
            self._nexts[partition] = records[-1].offset + 1

    async def _started_over(self, partition: int, begin: int) -> NoReturn:
        """The client begins at the oldest record where the topic does not reach as far as it had read."""
        await self._membership.require_same_topic()
        raise LogWentBack(partition, begin)

    async def _skipped(self, partition: int, until: int) -> None:
        """There was nothing to be read up to here. Compaction, and markers of others' transactions, leave such holes; what lies
        before the beginning of the partition was there once."""
        start = (await self._membership.starts())[partition]
        begin, self._nexts[partition] = self._nexts.get(partition, 0), until
        lost = min(start, until) - begin
        if lost > 0:
            self._lost += lost
            self._events.error("records_lost", partition=partition, first=begin, records=lost, hint=LOST_HINT)

    async def _at_end(self, number: int) -> bool:
        """Nothing waits in the topic, as far as can be told quickly. Holes at its end are passed."""
        places = self._consumer.assignment()
        if not places:
            return True
        try:
            async with asyncio.timeout(LOOK_S):
                ends = await self._consumer.end_offsets(places)
                reached = {place.partition: await self._consumer.position(place) for place in places}
                if any(reached[place.partition] < end for place, end in ends.items()):
                    return False
                holes = {p: at for p, at in reached.items() if at > self._nexts.get(p, at)}
                if self._turns.number == number:
                    for partition, at in holes.items():
                        await self._skipped(partition, at)
                        self._passed[partition] = at
        except (KafkaError, LogUnavailable, OSError, TimeoutError):
            pass
        return True

    def _take(self, records_max: int, bytes_max: int) -> list[Stored]:
        taken: list[Stored] = []
        while self._waiting and len(taken) < records_max:
            stored = self._waiting[0]
            bytes_max -= len(stored.key) + len(stored.value)
            if taken and bytes_max < 0:
                break
            taken.append(self._waiting.popleft())
        return taken

    def _check(self) -> None:
        if self._closed:
            raise LogUnavailable("The reader is closed")

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic.name, partition)
