"""A broker that answers late: the log waits or gives up in time, the spool takes over, nothing is lost or out of order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collector.spool.log import SpooledLog, SpoolPolicy
from collector.spool.slot import claim
from eventlog.contract import Log, LogUnavailable, Record
from eventlog.kafka import ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from netiv.dev.broker import Cluster, free_ports
from tests.kafka.proxy import Proxy
from tests.kafka.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A broker's own address, and the port it tells its clients."""
    (port,) = free_ports(1)
    with Cluster(tmp_path_factory.mktemp("behind"), advertised_port=port) as cluster:
        yield cluster.bootstrap, port


def config_of(behind: tuple[str, int], place: Path) -> KafkaConfig:
    return KafkaConfig(bootstrap=f"127.0.0.1:{behind[1]}", topic=f"t-{place.name}"[:100], partitions=3)


async def values(log: Log, partitions: int) -> list[int]:
    found = []
    for partition in range(partitions):
        found += [int(stored.value) for stored in await log.read_from(partition, 0, 10_000, 1 << 30)]
    return found


async def takes(log: Log) -> bool:
    try:
        await log.append([Record(b"k", b"2")])
    except LogUnavailable:
        return False
    return True


async def test_an_append_that_is_not_answered_in_time_is_unavailable(behind: tuple[str, int], tmp_path: Path) -> None:
    config = config_of(behind, tmp_path)
    async with Proxy(*behind) as proxy:
        await ensure_topic(config)
        log = await open_kafka_log(msgspec.structs.replace(config, append_timeout_s=0.5))
        try:
            await log.append([Record(b"k", b"0")])
            proxy.delay_s = 2.0
            with pytest.raises(LogUnavailable, match="in time"):
                await log.append([Record(b"k", b"1")])
            proxy.delay_s = 0.0
            await until(lambda: takes(log))
            found = await values(log, 3)
            assert found[:2] == [0, 1]  # late, but there, and once
            assert set(found[2:]) == {2}
        finally:
            await log.close()


async def test_what_was_given_up_is_not_kept(behind: tuple[str, int], tmp_path: Path) -> None:
    """A spool tries the same records again and again for as long as the brokers are away."""
    config = config_of(behind, tmp_path)
    async with Proxy(*behind) as proxy:
        await ensure_topic(config)
        log = await open_kafka_log(msgspec.structs.replace(config, append_timeout_s=0.2))
        try:
            await log.append([Record(b"k", b"0")])
            proxy.refusing = True
            proxy.cut()
            for _ in range(6):
                with pytest.raises(LogUnavailable):
                    await log.append([Record(b"k", b"1")] * 50)
            assert sum(len(lane._waiting) for lane in log._writing._lanes) <= 50
            proxy.refusing = False
            await until(lambda: takes(log))
        finally:
            await log.close()


async def test_the_spool_takes_over_while_the_broker_is_slow(behind: tuple[str, int], tmp_path: Path) -> None:
    config = config_of(behind, tmp_path)
    async with Proxy(*behind) as proxy:
        await ensure_topic(config)
        slots = await claim(tmp_path / "spool", 1 << 30)
        log = SpooledLog(
            lambda: open_kafka_log(config), slots, SpoolPolicy(after_s=0.6), lambda: time.time_ns() // 10**6
        )
        try:

            async def direct() -> bool:
                return not log.spooling

            await until(direct)
            for n in range(60):
                proxy.delay_s = 1.5 if 15 <= n < 40 else 0.0
                async with asyncio.timeout(20.0):
                    await log.append([Record(b"k", str(n).encode())])
            await until(direct)
            assert (await log.figures()).spooled > 0
            found = await values(log, 3)
            assert sorted(set(found)) == list(range(60))
            firsts = sorted(range(60), key=found.index)
            assert firsts == list(range(60))
        finally:
            await log.close()
