"""One Apache ZooKeeper on a free port of this machine, its data in a given folder. It dies with the thread that started it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from netiv.dev.broker import JAVA, LOGGING, START_S, STOP_S, die_with_parent, free_ports
from netiv.dev.jars import jars

# Forced writes are for power cuts; without them making a hundred tables takes a second.
CONFIGURATION = """tickTime=500
dataDir={folder}/data
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
forceSync=no
4lw.commands.whitelist=srvr
"""


class Keeper:
    """A context: inside, `port` answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self.port,) = free_ports(1)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        written = self._folder / "zoo.cfg"
        written.write_text(CONFIGURATION.format(folder=self._folder, port=self.port))
        java = shutil.which("java")
        assert java, "Java is not installed: make system"
        classes = f"{jars(Path(__file__).parent)}/*"
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        with (self._folder / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                [java, *JAVA, LOGGING, "-cp", classes, main, str(written)],
                stdout=log, stderr=log, cwd=self._folder, preexec_fn=die_with_parent,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def nodes(self) -> int:
        """How many nodes it holds, its own among them."""
        [line] = [line for line in self._ask("srvr").splitlines() if line.startswith("Node count:")]
        return int(line.removeprefix("Node count:"))

    def _ask(self, word: str) -> str:
        with socket.create_connection(("127.0.0.1", self.port), 5.0) as connection:
            connection.sendall(word.encode())
            return b"".join(iter(lambda: connection.recv(4_096), b"")).decode()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if "Node count:" in self._ask("srvr"):
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(
            f"ZooKeeper did not start:\n{(self._folder / 'log.txt').read_text(errors='replace')[-3_000:]}"
        )

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_S)
