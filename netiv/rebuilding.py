"""Rules put in force, history included: by the running consumers, else by this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.settings import Settings


def publish(settings: Settings, folder: Path | None) -> int:
    """Of a folder, or (None) those in force once more; how many subjects were derived."""
    from consumers.rules.requests import PublishRules
    from netiv import working

    request = PublishRules(str(folder.resolve()) if folder else "")
    done = working.asked_of_running(settings, request, "Deriving history")
    if done is not None:
        return done.count

    def work(show: working.Show) -> int:
        from consumers.rules.publishing import publish as run

        return run(settings, folder, show)

    return working.here(settings, "Deriving history", work)


def rederive(settings: Settings, since_ms: int) -> int:
    """In place, whoever has facts since then; how many subjects."""
    from consumers.rules.requests import Rederive
    from netiv import working

    done = working.asked_of_running(settings, Rederive(since_ms), "Deriving")
    if done is not None:
        return done.count

    def work(show: working.Show) -> int:
        from consumers.rules.publishing import rederive as run

        return run(settings, since_ms, show)

    return working.here(settings, "Deriving", work)
