"""What a link says of its touch and nobody will understand: told when it is made, since print and mails can't be called back."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable

from consumers.rules.channels import nodes
from consumers.rules.files import RulesInvalid, load
from schemas.settings import Settings
from schemas.touch import KINDS


def tell_strangers(settings: Settings, kind: str | None, channel: str | None) -> None:
    """Say on stderr which of these the rules here don't know. They are kept all the same: senders may have kinds of their own,
    and a cluster's rules stand in its tables."""
    if kind and kind.lower() not in KINDS:
        _tell(f"{kind} is no usual kind of touch", kind, KINDS)
    if not channel:
        return
    try:
        known = nodes(load(settings.rules_folder).channels)
    except (RulesInvalid, OSError):
        return  # `netiv rules check` tells
    if channel not in known:
        _tell(f"{channel} is no channel of the rules here: they will decide by source and medium", channel, known)


def _tell(what: str, given: str, known: Iterable[str]) -> None:
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(given.lower(), names, 1)
    print(f"Note: {what}.{f' Did you mean {names[near[0]]}?' if near else ''}", file=sys.stderr)
