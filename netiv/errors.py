"""Expected errors: what happened and how to fix it, in two lines, never a traceback.

`explain` knows the errors of the layers below by what a user can do about them; anything it does not know is a bug
and keeps its traceback.
"""

from __future__ import annotations

import sys
from pathlib import Path


class CommandError(Exception):
    """A command can't do what was asked; `hint` says how to fix it. `code` is the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


def explain(error: BaseException) -> CommandError | None:
    """The two lines for an expected error; None for a bug."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return explain(error.exceptions[0])  # a task of one: the group says nothing more
    if isinstance(error, ModuleNotFoundError):
        return _missing_module(error)
    if isinstance(error, NotADirectoryError) and error.filename:
        # of a file that was to be read: a file stands where its folder should be
        from netiv.data_folder import no_folder

        return no_folder(Path(error.filename).parent)
    if isinstance(error, PermissionError):
        return CommandError(
            f"No permission: {error.filename}", "Choose another folder with --data, or change its owner."
        )
    return _of_a_layer(error)


def _missing_module(error: ModuleNotFoundError) -> CommandError | None:
    top = (error.name or "").partition(".")[0]
    extra = {"chdb": "embedded", "aiokafka": "kafka", "cramjam": "kafka", "opentelemetry": "tracing"}.get(top)
    if extra is None:
        return None
    what = {"embedded": "The embedded engine", "kafka": "The Kafka client", "tracing": "Tracing"}[extra]
    return CommandError(
        f"{what} is not installed (no module {top}).",
        f"Install it with: pip install 'netiv[{extra}]'" + (", or set NETIV_CLICKHOUSE." if top == "chdb" else "."),
    )


def _of_a_layer(error: BaseException) -> CommandError | None:
    """Errors of the log and the warehouse carry their own words; looked up by module, so nothing heavy is imported."""
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    if "eventlog.contract.LogError" in kinds:
        return CommandError(f"The log: {error}", str(getattr(error, "hint", "")))
    if "consumers.warehouse.contract.WarehouseUnavailable" in kinds:
        return CommandError(
            f"The warehouse can't be reached: {error}", "Check NETIV_CLICKHOUSE and that it is running."
        )
    if "consumers.warehouse.contract.WarehouseError" in kinds:
        hint = getattr(error, "hint", "") or "Run `netiv doctor` to see what is wrong."
        return CommandError(f"The warehouse refused: {error}", hint)
    return None


def show(error: CommandError) -> None:
    """Print an error to stderr."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    console.print(Text.assemble(("Error: ", "bold red"), str(error)))
    if error.hint:
        console.print(Text.assemble(("Fix:   ", "bold green"), error.hint))
    sys.stderr.flush()
