"""One process's own spool: an embedded log in a numbered folder, held for as long as the process lives.

Each worker has one, because only the process that writes a spool can know when it is empty. A slot whose holder died
is taken over by the next process that starts, with what waits in it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import structlog

from eventlog.contract import LogError, Reader
from eventlog.embedded import EmbeddedLog, open_embedded_log

GROUP: Final = "drain"
SLOTS_MAX: Final = 256
KEEP_BYTES: Final = 1 << 62


class Slot:
    """A held spool. Counts what waits without asking the disk."""

    def __init__(self, folder: Path, log: EmbeddedLog, reader: Reader, waiting: int) -> None:
        self.folder = folder
        self.log = log
        self.reader = reader
        self.waiting = waiting
        self.appending = 0

    async def oldest_at(self) -> int | None:
        """When the oldest waiting record came (epoch ms)."""
        return min((await self.log.oldest_unread_at(GROUP)).values(), default=None)

    def bytes_used(self) -> int:
        """Bytes of the spool's files."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    async def close(self) -> None:
        """Let another process have it."""
        await self.reader.close()
        await self.log.close()


async def claim(folder: Path, bytes_max: int) -> tuple[Slot, list[Slot]]:
    """The first free slot, and the other free ones in which records wait (their holders died). Raises `LogError`."""
    own: Slot | None = None
    orphans: list[Slot] = []
    events = structlog.get_logger("netiv.spool")
    try:
        for number in range(SLOTS_MAX):
            place = folder / str(number)
            if own is not None and not await asyncio.to_thread(place.exists):
                return own, orphans
            was_there = await asyncio.to_thread(place.exists)
            try:
                slot = await _hold(place, bytes_max)
            except LogError as error:
                if not was_there:
                    raise
                # Damaged, say: that is no reason to take no events. It stays as it is, for whoever can mend it.
                events.error("spool_unusable", folder=str(place), reason=str(error), hint=error.hint)
                continue
            if slot is None:
                continue
            if own is None:
                own = slot
            elif slot.waiting:
                orphans.append(slot)
            else:
                await slot.close()
        if own is not None:
            return own, orphans
    except BaseException:
        for slot in [*orphans, *([own] if own else [])]:
            await slot.close()
        raise
    raise LogError(f"All {SLOTS_MAX} spools are in use", "Stop collectors that use the same data folder.")


async def _hold(place: Path, bytes_max: int) -> Slot | None:
    """The slot, or None when another process holds it."""
    log = await open_embedded_log(place, bytes_max=bytes_max)
    try:
        reader = await log.reader(GROUP)
    except LogError:
        await log.close()
        return None
    await log.retain(0.0, KEEP_BYTES, [GROUP])  # from now on the log makes room by itself of what was given back
    waiting = (await log.ends())[0] - (await log.committed(GROUP))[0]
    return Slot(place, log, reader, waiting)
