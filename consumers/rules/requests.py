"""What may be asked of running consumers about rules: to try them, to put them in force, and how far that is."""

from __future__ import annotations

import msgspec


class TryRules(msgspec.Struct, frozen=True, tag="try_rules"):
    """What the rules of a folder would change."""

    folder: str


class PublishRules(msgspec.Struct, frozen=True, tag="publish_rules", omit_defaults=True):
    """Put the rules of a folder in force, history included. '' = those in force, once more: a rebuild."""

    folder: str = ""


class Rederive(msgspec.Struct, frozen=True, tag="rederive"):
    """Derive again, in place, whoever has facts since a moment (epoch ms)."""

    since_ms: int


class HowFar(msgspec.Struct, frozen=True, tag="how_far"):
    """How far the one or the other is."""


RulesRequest = TryRules | PublishRules | Rederive | HowFar


class Far(msgspec.Struct, frozen=True):
    """Slices of history derived, of how many."""

    done: int
    total: int
