"""Data frames, which nobody here uses: clickhouse-connect and chDB load pandas, numpy and pyarrow wherever they are installed, to ask
whether a column is one of theirs. That is half a second and 50 MiB of a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """For a moment a package is not to be found, unless somebody has loaded it already. For whoever shares the process."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what `import` takes for "not there"
    try:
        yield
    finally:
        sys.modules.pop(name, None)


def do_without() -> None:
    """In this process they are not to be found. For whoever owns the process: before anything asks for them."""
    for name in ("pandas", "numpy", "pyarrow", "polars"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
