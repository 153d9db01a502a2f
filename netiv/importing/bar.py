"""A progress bar on stderr while somebody watches: rows done of about how many, how fast, how long still."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(name: str, lines: int) -> Iterator[Callable[[int], None]]:
    """What is told the number of rows that are done. `lines` of the file are its rows, or nearly."""
    if not sys.stderr.isatty():
        yield lambda done: None  # noqa: ARG005
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=max(lines, 1))

        def on_row(done: int) -> None:
            progress.update(task, completed=done)

        yield on_row
        progress.update(task, completed=max(lines, 1))
