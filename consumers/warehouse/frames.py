"""Data frames, which nobody here uses: clickhouse-connect loads pandas and numpy wherever they are installed, to ask whether a column is
one of theirs. That is half a second and 50 MiB of a process."""

from __future__ import annotations

import sys


def do_without() -> None:
    """In this process they are not to be found. For whoever owns the process: before anything asks for them."""
    for name in ("pandas", "numpy", "pyarrow", "polars"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what `import` takes for "not there"
