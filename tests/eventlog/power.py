"""A disk in memory that loses, at a power cut, any part of what was not synced. An SQLite VFS on top (apsw).

Each unsynced write is cut in 512-byte sectors and each sector survives by a coin, so later ones may outlive earlier
ones. Not modelled: names of new files (SQLite syncs the directory itself), disks that lie about syncing.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512


class PowerCut(Exception):
    """The machine is off: every access fails from now on."""


class MemoryFile:
    def __init__(self) -> None:
        self.content = bytearray()
        self.durable = bytearray()
        self.unsynced: list[tuple[int, bytes | None]] = []  # (offset, data), or (size, None) for a truncation

    def write(self, offset: int, data: bytes) -> None:
        _put(self.content, offset, data)
        start = offset
        while start < offset + len(data):
            stop = min((start // SECTOR + 1) * SECTOR, offset + len(data))
            self.unsynced.append((start, bytes(data[start - offset : stop - offset])))
            start = stop

    def truncate(self, size: int) -> None:
        del self.content[size:]
        self.unsynced.append((size, None))

    def sync(self) -> None:
        self.durable = bytearray(self.content)
        self.unsynced.clear()

    def survivors(self, chance: random.Random, share: float) -> bytes:
        content = bytearray(self.durable)
        for offset, data in self.unsynced:
            if chance.random() < share:
                if data is None:
                    del content[offset:]
                else:
                    _put(content, offset, data)
        return bytes(content)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk(apsw.VFS):
    """`operations_left` writes, truncations and syncs until the power is cut."""

    def __init__(self, name: str, operations_left: int) -> None:
        super().__init__(name, "")
        self.files: dict[str, MemoryFile] = {}
        self.operations_left = operations_left

    def work(self) -> None:
        self.operations_left -= 1
        if self.operations_left < 0:
            raise PowerCut

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        return OpenFile(self, self.files.setdefault(Path(path or "temporary").name, MemoryFile()))

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return Path(pathname).name in self.files

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.work()
        self.files.pop(Path(filename).name, None)

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return "/" + Path(name).name

    def after_the_cut(self, folder: Path, chance: random.Random) -> None:
        """Put what survived into real files."""
        share = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for name, file in self.files.items():
            (folder / name).write_bytes(file.survivors(chance, share))


class OpenFile:
    """What SQLite calls; locks are none since the simulated machine has one process."""

    def __init__(self, disk: Disk, file: MemoryFile) -> None:
        self._disk = disk
        self._file = file

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self._file.content[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.work()
        self._file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.work()
        self._file.truncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.work()
        self._file.sync()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._file.content)

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # what SQLite's own Unix VFS says

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xLock(self, level: int) -> None: ...  # noqa: N802

    def xUnlock(self, level: int) -> None: ...  # noqa: N802

    def xClose(self) -> None: ...  # noqa: N802
