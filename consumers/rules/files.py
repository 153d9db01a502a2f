"""The rule files, read and checked. A folder of the user's own may stand in for the shipped one."""

from __future__ import annotations

import csv
import io
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import yaml

from consumers.rules.continuity import Continuing
from consumers.rules.conversions import ConversionRule as ConversionRule
from consumers.rules.conversions import ConversionRules as ConversionRules
from consumers.rules.identity import IdentityRules
from consumers.rules.stages import StageRules

SHIPPED = Path(__file__).parents[2] / "schemas" / "rules"

NAMES = (
    "channels.yaml", "sessions.yaml", "conversions.yaml", "stages.yaml", "identity.yaml", "referrers.csv", "continuity.csv", "currencies.csv",
)  # fmt: skip

OneOrMore = str | list[str]


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One alternative of a channel rule: all that is set must hold."""

    source: OneOrMore | None = None
    medium: OneOrMore | None = None
    category: OneOrMore | None = None
    kind: OneOrMore | None = None
    source_matches: str | None = None
    medium_matches: str | None = None
    campaign_matches: str | None = None
    click_id: OneOrMore | None = None
    referrer: OneOrMore | None = None
    referrer_matches: str | None = None
    path_matches: str | None = None


class ChannelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """First match wins. `kind`: the touchpoint that a visit of this channel is; '' = a visit."""

    channel: str
    node: str
    when: list[When] = []
    kind: str = ""


class ClickId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an unlabelled click of a network says."""

    source: str
    medium: str


class ChannelRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """channels.yaml. `$paid` and `$shop_campaign` in a pattern stand for the expressions of those names."""

    version: int
    paid: str
    shop_campaign: str
    rules: list[ChannelRule]
    otherwise: ChannelRule
    named_only: dict[str, str]
    click_ids: dict[str, ClickId]


class SessionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """sessions.yaml."""

    version: int = 1
    gap_minutes: float = 30
    max_hours: float = 24
    continuity_minutes: float = 120
    new_campaign_starts_session: bool = True
    another_person_starts_session: bool = True
    midnight_starts_session: bool = False
    midnight_zone: str = "UTC"
    midnight_zones: dict[str, str] = {}
    not_activity: tuple[str, ...] = ("touch", "alias", "refund")


class Referrer(msgspec.Struct, frozen=True):
    """A host (or source name) and what it is."""

    host: str
    source: str
    category: str


class Rate(msgspec.Struct, frozen=True):
    """What one unit of a currency is worth in `base`, from a day (YYYY-MM-DD) on."""

    base: str
    currency: str
    day: str
    rate: float


class Rules(msgspec.Struct, frozen=True):
    """All rules in force."""

    channels: ChannelRules
    sessions: SessionRules
    conversions: ConversionRules
    referrers: list[Referrer]
    stages: StageRules = StageRules(1, [])
    rates: list[Rate] = []
    continuity: list[Continuing] = []
    identity: IdentityRules = IdentityRules()


class RulesInvalid(Exception):
    """A rule file is wrong; the message says which and where."""


def _yaml(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(yaml.safe_load(path.read_text("utf-8-sig")), kind)
    except (msgspec.ValidationError, yaml.YAMLError, OSError) as error:
        raise RulesInvalid(f"{path.name}: {error}") from error


def version_of(rules: Rules) -> int:
    """What every derived row carries: a hash of the rules, equal for equal rules."""
    return int.from_bytes(blake2b(msgspec.json.encode(rules), digest_size=8).digest(), "big")


def file_of(folder: Path, name: str) -> Path:
    """A rule file: the folder's own, else the shipped one."""
    own = folder / name
    return own if own.exists() else SHIPPED / name


def _csv(path: Path) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))


def load(folder: Path = SHIPPED) -> Rules:
    """The rules of a folder; what it lacks is as shipped. Raises `RulesInvalid`."""
    rows = _csv(file_of(folder, "referrers.csv"))
    return Rules(
        channels=_yaml(file_of(folder, "channels.yaml"), ChannelRules),
        sessions=_yaml(file_of(folder, "sessions.yaml"), SessionRules),
        conversions=_yaml(file_of(folder, "conversions.yaml"), ConversionRules),
        referrers=[Referrer(row["host"], row["source"], row["category"]) for row in rows],
        stages=_yaml(file_of(folder, "stages.yaml"), StageRules),
        rates=msgspec.convert(list(_csv(file_of(folder, "currencies.csv"))), list[Rate], strict=False),
        identity=_yaml(file_of(folder, "identity.yaml"), IdentityRules),
        continuity=msgspec.convert(list(_csv(file_of(folder, "continuity.csv"))), list[Continuing]),
    )
