"""Work on rules and history: done by the running consumers, who are asked how far they are, else by this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from consumers.identity.requests import Done
    from consumers.rules.requests import RulesRequest
    from schemas.settings import Settings

T = TypeVar("T")
Show = Callable[[int, int], None]
LOOK_EVERY_S = 0.5


def asked_of_running(settings: Settings, request: RulesRequest, what: str) -> Done | None:
    """What running consumers that have the tables to themselves did; None when there are none. Raises for what they refused."""
    from consumers.opening import is_shared
    from netiv.errors import CommandError

    if is_shared(settings):
        return None
    done = under_bar(what, lambda show: asyncio.run(_ask(settings, request, show)))
    if done is not None and done.error:
        raise CommandError(done.error, done.hint or "See `netiv rules check`, or try again.")
    return done


def here(settings: Settings, what: str, work: Callable[[Show], T]) -> T:
    """Do it in this process, which owns the tables meanwhile where consumers don't share them."""
    from collector.logs import configure
    from consumers.opening import is_shared
    from netiv import data_folder, engine, lock

    configure()  # to stderr: stdout is for what was asked for
    if not settings.clickhouse:
        data_folder.require_warehouse(settings)
        engine.require()
    elif is_shared(settings) or not settings.data.is_dir():  # no consumers have a data folder here
        return under_bar(what, work)
    with lock.hold(settings.data, "consumers"):
        return under_bar(what, work)


async def _ask(settings: Settings, request: RulesRequest, show: Show) -> Done | None:
    from consumers.control import ask

    looking = asyncio.create_task(_look(settings, show))
    try:
        return await ask(settings.data, request)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look(settings: Settings, show: Show) -> None:
    import msgspec

    from consumers.control import ask
    from consumers.rules.requests import Far, HowFar

    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        done = await ask(settings.data, HowFar())
        if done is None:
            return
        far = msgspec.json.decode(done.told, type=Far)
        show(far.done, far.total)


def under_bar(what: str, work: Callable[[Show], T]) -> T:
    """A progress bar on stderr; none where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            if total:
                bar.update(task, completed=done, total=total)

        return work(show)
