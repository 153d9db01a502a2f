"""Rules put in force, history included: by the running consumers, else by this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumers.identity.requests import Done
    from schemas.settings import Settings


def publish(settings: Settings, folder: Path | None) -> Done:
    """Of a folder, or (None) those in force once more; how many subjects were derived, and what is set aside."""
    from consumers.rules.requests import PublishRules
    from netiv import working

    request = PublishRules(str(folder.resolve()) if folder else "")
    done = working.asked_of_running(settings, request, "Deriving history")
    if done is not None:
        return done

    def work(show: working.Show) -> Done:
        from consumers.rules.publishing import publish as run

        return run(settings, folder, show)

    return working.here(settings, "Deriving history", work)


def rederive(settings: Settings, since_ms: int) -> Done:
    """In place, whoever has facts since then; how many subjects, and what is set aside."""
    from consumers.rules.requests import Rederive
    from netiv import working

    done = working.asked_of_running(settings, Rederive(since_ms), "Deriving")
    if done is not None:
        return done

    def work(show: working.Show) -> Done:
        from consumers.rules.publishing import rederive as run

        return run(settings, since_ms, show)

    return working.here(settings, "Deriving", work)


def require_all(done: Done) -> None:
    """Raises `CommandError` where something could not be derived."""
    from netiv.errors import CommandError

    if done.aside:
        keys = "1 key" if done.aside == 1 else f"{done.aside:,} keys"
        raise CommandError(
            f"{keys} could not be derived and {'is' if done.aside == 1 else 'are'} set aside; all else is.",
            "`netiv doctor` names them, and the remedy.",
        )
