"""The log's file goes, or another takes its place, under who has it open: nothing is acknowledged that nobody would find."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from eventlog.contract import LogChanged, Record
from eventlog.embedded import open_embedded_log
from eventlog.embedded.file import FILE_NAME

pytestmark = pytest.mark.anyio
RECORD = Record(b"k", b"v")


async def test_a_deleted_file_takes_nothing_more(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log = await open_embedded_log(folder)
    reader = await log.reader("g")
    await log.append([RECORD])
    for file in folder.glob(f"{FILE_NAME}*"):
        file.unlink()
    using: list[Callable[[], Awaitable[object]]] = [
        lambda: log.append([RECORD]),
        log.ends,
        lambda: reader.commit({0: 1}),
        lambda: reader.read(9, 999, 0.0),
    ]
    for use in using:
        with pytest.raises(LogChanged, match="deleted or replaced") as told:
            await use()
        assert "start it again" in told.value.hint
    await log.close()


async def test_a_file_put_in_its_place_is_another(tmp_path: Path) -> None:
    """As rsync and cp --remove-destination do. Who opens it now and who had it open would each go on with a file of their own."""
    folder = tmp_path / "log"
    log = await open_embedded_log(folder)
    await log.append([RECORD])
    await log.close()
    log = await open_embedded_log(folder)
    shutil.copy2(folder / FILE_NAME, tmp_path / "copy")
    (tmp_path / "copy").replace(folder / FILE_NAME)
    with pytest.raises(LogChanged):
        await log.append([RECORD])
    other = await open_embedded_log(folder)
    assert await other.ends() == {0: 1}
    await other.close()
    await log.close()


async def test_a_file_put_back_is_used_again(tmp_path: Path) -> None:
    folder, aside = tmp_path / "log", tmp_path / "aside"
    log = await open_embedded_log(folder)
    await log.append([RECORD])
    folder.rename(aside)
    with pytest.raises(LogChanged):
        await log.append([RECORD])
    aside.rename(folder)
    assert (await log.append([RECORD]))[0].offset == 1
    assert len(await log.read_from(0, 0, 9, 999)) == 2
    await log.close()
