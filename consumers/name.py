"""A name of its own for every consumer that shares tables with others, the same again after a restart.

Its working tables carry it, so two processes under one name would spoil each other's work: a lock file keeps them apart.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from pathlib import Path
from typing import Final

from consumers.warehouse.contract import WarehouseError

NAMES_MAX: Final = 256
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9_]")


class Name:
    """A held name."""

    def __init__(self, text: str, descriptor: int) -> None:
        self.text = text
        self._descriptor = descriptor

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._descriptor)


def claim_name(folder: Path, wanted: str = "") -> Name:
    """`wanted`, or the first free one of this machine. Raises `WarehouseError` when another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    host = _NOT_A_NAME.sub("_", socket.gethostname())
    candidates = [_NOT_A_NAME.sub("_", wanted)] if wanted else [f"{host}_{number}" for number in range(NAMES_MAX)]
    for text in candidates:
        descriptor = os.open(folder / f"{text}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            continue
        return Name(text, descriptor)
    raise WarehouseError(f"Another consumer runs under the name {candidates[0]}. Set NETIV_CONSUMER to another one.")
