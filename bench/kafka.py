"""How fast events reach a real Kafka, as ratios to aiokafka's own `send_batch` in the same run: `python -m bench.kafka`.

One broker and wrk on one core, the process that is measured on the other; variants take turns in every round and each
figure is the median of its rounds. Everything is idempotent, acknowledged by the broker, 12 partitions. The ceiling is
`send_batch` as the client comes (its batch size, lz4 at its level); three more show what size and compression are worth.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

import msgspec
import uvloop

from bench.http import Variant, cpu_s, load, running, script_of
from bench.traffic import records
from eventlog.contract import Record
from eventlog.kafka import ensure_topic, open_kafka_log
from eventlog.kafka.config import KafkaConfig
from eventlog.kafka.producers import make_producer
from netiv.dev.broker import Cluster
from schemas.limits import KIB

TARGET = 0.35
PUBLISHERS = 64
BATCH = 20
CEILINGS = (("lz4", 16 * KIB), ("lz4", 512 * KIB), ("zstd", 16 * KIB), ("zstd", 512 * KIB))
OURS = "zstd"
# A collector that has just started spools until it has reached Kafka.
REACHED_S = 2.0
SPOOL_EMPTY_BYTES = 1024 * KIB


class Figure(msgspec.Struct, frozen=True):
    """Events/s, and CPU microseconds per event, which a busy machine changes less."""

    rate: float
    cpu_us: float


def config_of(bootstrap: str, compression: str = OURS) -> KafkaConfig:
    """The topic of the bench."""
    return KafkaConfig(bootstrap=bootstrap, topic="bench", partitions=12, compression=compression)


async def ceiling(bootstrap: str, seconds: float, compression: str, batch_bytes: int) -> float:
    """Messages/s of `create_batch` + `send_batch`: batches are filled to the brim, two under way per partition."""
    producer = make_producer(config_of(bootstrap, compression))
    producer._message_accumulator._batch_size = batch_bytes  # noqa: SLF001 - what max_batch_size sets
    await producer.start()
    sample = list(records(2_000, 5_000, 1))
    sent = 0
    end = time.perf_counter() + seconds

    async def fill(partition: int) -> None:
        nonlocal sent
        source = itertools.cycle(sample)
        while time.perf_counter() < end:
            batch = producer.create_batch()
            record = next(source)
            while batch.append(key=record.key, value=record.value, timestamp=None) is not None:
                record = next(source)
            future = await producer.send_batch(batch, "bench", partition=partition)
            await future
            sent += batch.record_count()

    begin = time.perf_counter()
    await asyncio.gather(*(fill(n % 12) for n in range(24)))
    took = time.perf_counter() - begin
    await producer.stop()
    return sent / took


async def log_append(bootstrap: str, seconds: float) -> float:
    """Events/s of the log alone: publishers that await the acknowledgement of 20 records each."""
    log = await open_kafka_log(config_of(bootstrap))
    sample = list(records(2_000, 5_000, 2))
    batches: list[list[Record]] = [sample[start : start + BATCH] for start in range(0, 2_000, BATCH)]
    sent = 0
    end = time.perf_counter() + seconds

    async def publish(number: int) -> None:
        nonlocal sent
        for batch in itertools.islice(itertools.cycle(batches), number, None):
            if time.perf_counter() > end:
                return
            await log.append(batch)
            sent += BATCH

    begin = time.perf_counter()
    await asyncio.gather(*(publish(number) for number in range(PUBLISHERS)))
    took = time.perf_counter() - begin
    await log.close()
    return sent / took


def alone(bootstrap: str, seconds: float, *what: str) -> Figure:
    """A measurement in a process of its own, on core 0."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.kafka", "--measure", *what, "--seconds", str(seconds)]
    output = subprocess.run([*command, "--bootstrap", bootstrap], capture_output=True, text=True, check=True).stdout
    rate, cpu_us = output.split()
    return Figure(float(rate), float(cpu_us))


def collector(seconds: int, folder: Path, events: int, seed: str) -> Figure:
    """Events over HTTP."""
    variant = Variant("collector", "collector", events=events)
    with running("collector", folder) as (port, process):
        time.sleep(REACHED_S)
        load(port, script_of(variant, folder, f"w{seed}"), 1)
        before = cpu_s(process)
        rate = load(port, script_of(variant, folder, f"m{seed}"), seconds) * events
        figure = Figure(rate, (cpu_s(process) - before) / (rate * seconds) * 1e6)
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            spool = re.search(rb"^netiv_spool_bytes ([0-9.e+]+)", answer.read(), re.MULTILINE)
        if spool is None or float(spool.group(1)) > SPOOL_EMPTY_BYTES:
            raise SystemExit("the collector spooled: what was measured is not the way to Kafka")
        return figure


def name_of(compression: str, batch_bytes: int) -> str:
    """A ceiling's line."""
    return f"send_batch, {compression}, {batch_bytes // KIB} KiB"


def measure(rounds: int, seconds: int) -> dict[str, list[Figure]]:
    """All variants in turn, `rounds` times."""
    found: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory() as temporary, Cluster(Path(temporary) / "kafka") as cluster:
        for broker in cluster.brokers:
            broker.pin({1})
        bootstrap = cluster.bootstrap
        asyncio.run(ensure_topic(config_of(bootstrap)))
        os.environ.update(NETIV_KAFKA=bootstrap, NETIV_KAFKA_TOPIC="bench")
        for turn in range(rounds + 1):
            values = {
                name_of(*ceiling): alone(bootstrap, seconds, "ceiling", ceiling[0], str(ceiling[1]))
                for ceiling in CEILINGS
            }
            values["log, batches of 20"] = alone(bootstrap, seconds, "log")
            values["collector, batches of 20"] = collector(seconds, Path(temporary), BATCH, f"{turn}b")
            values["collector, single events"] = collector(seconds, Path(temporary), 1, f"{turn}s")
            if turn:  # the first round warms the broker up
                for name, value in values.items():
                    found.setdefault(name, []).append(value)
    return found


def main() -> int:
    """Print the ratios; 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--bootstrap", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        _, *how = options.measure
        work = (
            ceiling(options.bootstrap, options.seconds, how[0], int(how[1]))
            if how
            else log_append(options.bootstrap, options.seconds)
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            before = time.process_time()
            rate = runner.run(work)
            print(rate, (time.process_time() - before) / (rate * options.seconds) * 1e6)
        return 0
    found = measure(options.rounds, int(options.seconds))
    top = found[name_of(*CEILINGS[0])]
    ratios = {}
    for name, values in found.items():
        pairs = list(zip(values, top, strict=True))
        ratios[name] = statistics.median(value.rate / ceiling.rate for value, ceiling in pairs)
        by_cpu = statistics.median(ceiling.cpu_us / value.cpu_us for value, ceiling in pairs)
        rate, cpu_us = (statistics.median(getattr(value, field) for value in values) for field in ("rate", "cpu_us"))
        print(
            f"{name:28}{rate:>10,.0f}/s {ratios[name]:>5.2f} of the ceiling {cpu_us:>7.1f} us CPU {by_cpu:>5.2f} by CPU"
        )
    ok = ratios["collector, batches of 20"] >= TARGET
    print(
        f"collector in batches of 20: {ratios['collector, batches of 20']:.2f}, wanted {TARGET}: {'ok' if ok else 'MISSED'}"
    )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
