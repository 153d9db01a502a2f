"""One or three Apache Kafka brokers on free ports of this machine, their data in a given folder.

They die with the thread that started them (Linux), so no broker outlives a test run that was killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from netiv.dev.jars import jars
from netiv.dev.properties import Node, properties
from netiv.errors import CommandError
from netiv.ports import choose

CLUSTER_ID: Final = "bmV0aXYtZGV2LWthZmthLQ"
START_S: Final = 120.0
STOP_S: Final = 20.0
# One small heap, the quick compiler only, the simplest collector of garbage: a broker in about 300 MiB and 2 s of CPU.
JAVA: Final = ("-Xms64m", "-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
LOGGING: Final = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_PR_SET_PDEATHSIG: Final = 1


class Broker:
    """One broker process; may be killed and started again with the same data and ports."""

    def __init__(self, node: Node, folder: Path, classes: Path) -> None:
        self.node = node
        self._folder = folder
        self._classes = classes
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.node.port}"

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def format(
        self, nodes: list[Node], changes: Mapping[str, str] | None = None, options: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Write the configuration and make the storage; the caller waits for the process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "server.properties").write_text(properties(self.node, nodes, self._folder / "data", changes))
        settings = str(self._folder / "server.properties")
        arguments = ["format", "-t", CLUSTER_ID, "-c", settings, "--ignore-formatted", *options]
        return self._java("kafka.tools.StorageTool", *arguments)

    def start(self) -> None:
        """Start the process; `wait` says when it answers."""
        if not self.alive:
            self._process = self._java("kafka.Kafka", str(self._folder / "server.properties"))

    def wait(self, deadline: float) -> None:
        """Until the broker takes connections. Raises `CommandError`."""
        while time.monotonic() < deadline:
            if not self.alive:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.node.port), 1.0):
                return
            time.sleep(0.1)
        raise CommandError(f"Broker {self.node.number} did not start.", self.log_tail())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGKILL, SIGSTOP, SIGCONT."""
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def pin(self, cores: set[int]) -> None:
        """Keep all its threads on these cores (Linux): for measurements."""
        if self._process is not None and sys.platform == "linux":
            for thread in Path(f"/proc/{self._process.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_S)

    def stop(self) -> None:
        """An orderly end, or a kill when it takes too long."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self._process is not None:
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def log_tail(self) -> str:
        """The end of what the broker wrote."""
        return (self._folder / "log.txt").read_text(errors="replace")[-3_000:]

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        java = shutil.which("java")
        if java is None:
            raise CommandError("Java is not installed.", "Install Java 17 or newer, or set NETIV_TEST_KAFKA.")
        command = [java, *JAVA, LOGGING, "-cp", f"{self._classes}/*", *arguments]
        with (self._folder / "log.txt").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, preexec_fn=die_with_parent)  # noqa: S603, PLW1509


class Cluster:
    """One or several brokers that know each other."""

    def __init__(self, folder: Path, count: int = 1, port: int = 0, advertised_port: int = 0) -> None:
        ports = free_ports(2 * count)
        first = [port + n for n in range(count)] if port else ports[:count]
        self._nodes = [Node(n + 1, first[n], ports[count + n], advertised_port) for n in range(count)]
        classes = jars()
        self.brokers = [Broker(node, folder / f"broker{node.number}", classes) for node in self._nodes]

    @property
    def bootstrap(self) -> str:
        """What clients are given."""
        return ",".join(broker.address for broker in self.brokers)

    def start(self) -> Self:
        """Format, start, wait until every broker answers."""
        formatting = [broker.format(self._nodes) for broker in self.brokers]
        for broker, process in zip(self.brokers, formatting, strict=True):
            if process.wait(START_S):
                raise CommandError("Formatting the storage failed.", broker.log_tail())
        self.resume()
        return self

    def resume(self) -> None:
        """Start what does not run, and wait for it."""
        for broker in self.brokers:
            broker.start()
        deadline = time.monotonic() + START_S
        for broker in self.brokers:
            broker.wait(deadline)

    def stop(self) -> None:
        """End all of them. Brokers of a temporary folder need no orderly end."""
        for broker in self.brokers:
            broker.kill()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(choose("127.0.0.1"))
    return list(ports)


def die_with_parent() -> None:
    """For a child process, before it begins: it ends with the thread that started it (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
