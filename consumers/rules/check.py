"""What is wrong with a folder of rule files, with the line and in plain words. Pure but for reading the files."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import re2
import yaml

from consumers.enrich.identifiers import HASHED
from consumers.rules.conditions import FIELDS, EventRule, is_field
from consumers.rules.files import NAMES, ChannelRule, ChannelRules, ConversionRules, SessionRules, file_of
from consumers.rules.identity import IdentityRules
from consumers.rules.merging import EARLIEST, MERGED
from consumers.rules.stages import StageRules
from schemas.clicks import CLICK_IDS
from schemas.event import EventType
from schemas.touch import KINDS

EVENT_TYPES: Final = get_args(EventType)
NODES: Final = ("paid_organic", "community", "live", "ugc", "classic")
REPORTERS: Final = ("server", "webhook", "import", "browser", "pixel")
YAML: Final[dict[str, type[Any]]] = {
    "channels.yaml": ChannelRules, "sessions.yaml": SessionRules, "conversions.yaml": ConversionRules, "stages.yaml": StageRules,
    "identity.yaml": IdentityRules,
}  # fmt: skip
CSV: Final = {
    "referrers.csv": ("host", "source", "category"), "continuity.csv": ("host", "kind"),
    "currencies.csv": ("base", "currency", "day", "rate"),
}  # fmt: skip
# What `referrers.csv` is made of; it stands beside it where the shipped folder was copied.
_SOURCE: Final = "referrers_own.csv"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".csv"})
# Nobody means more minutes, hours or days than this; what is reckoned in milliseconds would overflow.
_DURATION_MAX: Final = 1_000_000
# Decimal(18, 4), as everywhere.
_NUMBER_MAX: Final = 10.0**14
_RE2 = re2.Options()
_RE2.log_errors = False  # they are told here
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


class Problem(msgspec.Struct, frozen=True, order=True):
    """Line 0 = the file as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


def check(folder: Path) -> list[Problem]:
    """All problems of a folder, in the order of files and lines."""
    found: list[Problem] = []
    for name in (*YAML, *CSV):
        try:
            text = file_of(folder, name).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            found.append(Problem(name, 0, f"cannot be read: {error}"))
            continue
        lines = _check_yaml(name, text) if name in YAML else _check_csv(name, text)
        found += [Problem(name, line, message) for line, message in lines]
    return sorted([*found, *_strangers(folder)])


def own_files(folder: Path) -> list[str]:
    """The rule files that a folder has itself."""
    return [name for name in NAMES if (folder / name).exists()]


def _strangers(folder: Path) -> Iterator[Problem]:
    """Files that look like rules and would be read by nobody, for their name."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.name not in (*NAMES, _SOURCE):
            near = difflib.get_close_matches(path.name, NAMES, 1)
            meant = f"did you mean {near[0]}?" if near else f"the rule files are {', '.join(NAMES)}"
            yield Problem(path.name, 0, f"is no rule file and would change nothing: {meant}")


Found = Iterator[tuple[int, str]]


def _check_yaml(name: str, text: str) -> Found:
    try:
        tree = yaml.compose(text, yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        yield (error.problem_mark.line + 1 if error.problem_mark else 0), f"is no YAML: {error.problem or error}"
        return
    except yaml.reader.ReaderError as error:
        at = error.position
        yield text.count("\n", 0, at) + 1, f"is no YAML: the character {text[at : at + 1]!r} is not allowed"
        return
    except RecursionError:
        yield 0, "is nested too deep"
        return
    try:
        rules = msgspec.convert(data, YAML[name])
    except msgspec.ValidationError as error:
        told, _, where = str(error).partition(" - at `")
        yield _line(tree, where.rstrip("`")), told
        return
    checks: dict[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
        "channels.yaml": _channels, "sessions.yaml": _sessions, "conversions.yaml": _conversions, "stages.yaml": _stages,
        "identity.yaml": _identity,
    }  # fmt: skip
    for path, message in checks[name](rules):
        yield _line(tree, path), message
    if tree is not None:
        yield from _tree(tree)


def _tree(node: yaml.Node) -> Found:
    """What a reader of YAML lets pass: a key that stands twice, of which the first is forgotten, and numbers that are none."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag.endswith((":float", ":int")) and not _is_number(yaml.SafeLoader(node.value).get_single_data()):
            yield node.start_mark.line + 1, f"{node.value} is no number that can be reckoned with"
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _tree(each)
    else:
        seen: dict[str, int] = {}
        for name, value in node.value:
            line = name.start_mark.line + 1
            if name.value in seen:
                yield line, f"{name.value} stands in line {seen[name.value]} already"
            seen[name.value] = line
            yield from _tree(value)


def _is_number(value: object) -> bool:
    return not isinstance(value, int | float) or abs(value) < _NUMBER_MAX


def _line(tree: yaml.Node | None, path: str) -> int:
    """The line of `$.rules[3].when[0]` in the file, as far as the path leads."""
    node = tree
    for key, index in _STEP.findall(path):
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            following = next((value for name, value in node.value if name.value == key), None)
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            following = node.value[int(index)]
        if following is None:
            break
        node = following
    return node.start_mark.line + 1 if node else 0


def _channels(rules: ChannelRules) -> Iterator[tuple[str, str]]:
    for name in ("paid", "shop_campaign"):
        yield from _pattern(f"$.{name}", getattr(rules, name))
    for number, rule in enumerate(rules.rules):
        at = f"$.rules[{number}]"
        if rule.node not in NODES:
            yield f"{at}.node", f"node {rule.node!r} is none of {', '.join(NODES)}"
        yield from _kind(f"{at}.kind", rule, rules.rules)
        if not rule.when:
            yield at, f"the rule for {rule.channel} has no condition: it can never match"
        for alternative, when in enumerate(rule.when):
            here = f"{at}.when[{alternative}]"
            told = {field: getattr(when, field) for field in when.__struct_fields__ if getattr(when, field) is not None}
            if not told:
                yield here, "an alternative without a condition would match everything and hide all rules below"
            for field, value in told.items():
                yield from _channel_condition(f"{here}.{field}", field, value)
    for name in rules.click_ids:
        if name not in CLICK_IDS:
            yield f"$.click_ids.{name}", f"{name} is no click id that Netiv reads from links"


def _kind(at: str, rule: ChannelRule, rules: list[ChannelRule]) -> Iterator[tuple[str, str]]:
    """A channel's visits are touchpoints of one kind; kinds of touches are lower-case."""
    if rule.kind != rule.kind.strip().lower():
        yield at, f"kind {rule.kind!r}: write it lower-case, as {', '.join(KINDS)}"
    first = next(one for one in rules if one.channel == rule.channel)
    if rule.kind != first.kind:
        yield at, f"another rule for {rule.channel} says kind {first.kind!r}: all of a channel's rules say the same"


def _channel_condition(at: str, field: str, value: str | list[str]) -> Iterator[tuple[str, str]]:
    listed = [value] if isinstance(value, str) else value
    if field.endswith("_matches"):
        if value not in {"$paid", "$shop_campaign"}:
            yield from _pattern(at, str(value))
    elif field == "referrer":
        yield from ((at, told) for host in listed for told in _no_referrer(host))
    elif field == "click_id":
        known = {name.lower() for name in CLICK_IDS}
        yield from (
            (at, f"{name} is no click id that Netiv reads from links") for name in listed if name.lower() not in known
        )


def _no_referrer(host: str) -> Iterator[str]:
    if not host or host != host.strip() or "/" in host or ":" in host:
        yield f"{host!r} is no host: write it without https:// and path"
    elif not host.isascii():
        yield f"{host!r} never stands in a referrer: write it as browsers send it, xn--…"


def _identity(rules: IdentityRules) -> Iterator[tuple[str, str]]:
    named = [one.type for one in rules.types]
    for number, one in enumerate(rules.types):
        if named.index(one.type) < number:
            yield f"$.types[{number}].type", f"{one.type} stands twice"
    limits = {f"types[{number}].neighbours": one.neighbours for number, one in enumerate(rules.types)}
    limits |= {name: getattr(rules, name) for name in ("other_neighbours", "click_neighbours", "linked_devices")}
    for name, most in limits.items():
        if most < 0:
            yield f"$.{name}", f"{most} is no limit: 0 = none, or how many there may be"
    for number, blocked in enumerate(rules.blocked):
        for each, pattern in enumerate(blocked.patterns):
            yield from _pattern(f"$.blocked[{number}].patterns[{each}]", pattern)
        if blocked.patterns and blocked.type in HASHED:
            yield f"$.blocked[{number}]", f"{blocked.type} is kept as a hash: patterns can't match it"


def _pattern(path: str, pattern: str) -> Iterator[tuple[str, str]]:
    try:
        re2.compile(pattern, _RE2)
    except re2.error as error:
        yield path, f"{pattern!r} is no regular expression (RE2): {_plain(error)}"


def _plain(error: Exception) -> str:
    told = error.args[0] if error.args else error
    return told.decode() if isinstance(told, bytes) else str(told)


def _sessions(rules: SessionRules) -> Iterator[tuple[str, str]]:
    for field in ("gap_minutes", "max_hours"):
        yield from _duration(f"$.{field}", field, getattr(rules, field))
    if rules.max_hours * 60 < rules.gap_minutes:
        yield "$.max_hours", "the longest session is shorter than its time-out"
    yield from _zone("$.midnight_zone", rules.midnight_zone)
    for site, zone in rules.midnight_zones.items():
        yield from _zone(f"$.midnight_zones.{site}", zone)


def _duration(path: str, name: str, value: float) -> Iterator[tuple[str, str]]:
    if value <= 0:
        yield path, f"{name} must be more than 0"
    if _DURATION_MAX < value < math.inf:  # what is no number is told as such
        yield path, f"{name} must be {_DURATION_MAX:,} at most"


def _zone(path: str, name: str) -> Iterator[tuple[str, str]]:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield path, f"{name!r} is no time zone: write an IANA name, Asia/Jerusalem"


def _conversions(rules: ConversionRules) -> Iterator[tuple[str, str]]:
    if "default" not in rules.lookback_days:
        yield "$.lookback_days", "the look-back needs a `default`, in days"
    for kind, days in rules.lookback_days.items():
        yield from _duration(f"$.lookback_days.{kind}", "a look-back", days)
    for reporter in rules.trust:
        if reporter not in REPORTERS:
            yield "$.trust", f"{reporter!r} is none of {', '.join(REPORTERS)}"
    yield from _merging(rules)
    for number, rule in enumerate(rules.events):
        at = f"$.events[{number}]"
        if not rule.names and not rule.when:
            yield (
                at,
                f"the rule for {rule.name} names no event and has no condition: it would make one of every {rule.types}",
            )
        yield from _event(at, rule)
        yield from _sources(
            at, {name: getattr(rule, name) for name in ("value_from", "currency_from", "order_id_from")}
        )
    known = {rule.name for rule in rules.events}
    for number, refund in enumerate(rules.refunds):
        at = f"$.refunds[{number}]"
        if not refund.names and not refund.when and refund.types != ["refund"]:
            yield at, f"a refund rule without names and conditions would take every {refund.types} for a refund"
        yield from _event(at, refund)
        yield from _sources(
            at, {name: getattr(refund, name) for name in ("value_from", "order_id_from", "event_id_from")}
        )
        for name in refund.refund_of:
            if name not in known and not any("conversion" in rule.types and not rule.names for rule in rules.events):
                yield f"{at}.refund_of", f"no rule here makes a conversion called {name!r}"


def _event(at: str, rule: EventRule) -> Iterator[tuple[str, str]]:
    """What is wrong with a rule that names plain events."""
    if not rule.types:
        yield f"{at}.types", "no type of event is named: the rule can never match"
    for kind in rule.types:
        if kind not in EVENT_TYPES:
            yield f"{at}.types", f"{kind!r} is no type of event: {', '.join(EVENT_TYPES)}"
    for number, condition in enumerate(rule.when):
        here = f"{at}.when[{number}]"
        if not is_field(condition.field):
            yield f"{here}.field", f"there is no field {condition.field!r}: {', '.join(FIELDS)}, properties.<name>"
        if all(getattr(condition, name) is None for name in ("equals", "matches", "at_least", "below")):
            yield here, "a condition needs one of is, matches, at_least, below"
        if condition.matches is not None:
            yield from _pattern(f"{here}.matches", condition.matches)


def _sources(at: str, found: dict[str, str | None]) -> Iterator[tuple[str, str]]:
    for name, field in found.items():
        if field is not None and not is_field(field):
            yield f"{at}.{name}", f"there is no field {field!r}: {', '.join(FIELDS)}, properties.<name>"


def _merging(rules: ConversionRules) -> Iterator[tuple[str, str]]:
    for field, order in rules.trust_of.items():
        if field not in MERGED:
            yield f"$.trust_of.{field}", f"{field!r} is none of {', '.join(MERGED)}"
        for reporter in () if order == EARLIEST else [order] if isinstance(order, str) else order:
            if reporter not in REPORTERS:
                yield f"$.trust_of.{field}", f"{reporter!r} is none of {', '.join(REPORTERS)}, nor `{EARLIEST}`"
    for name in ("order_days", "duplicate_hours"):
        yield from _duration(f"$.{name}", name, getattr(rules, name))


def _stages(rules: StageRules) -> Iterator[tuple[str, str]]:
    for number, model in enumerate(rules.models):
        names: set[str] = set()
        for position, stage in enumerate(model.stages):
            if stage.name in names:
                yield f"$.models[{number}].stages[{position}]", f"{model.name} has two stages of one name"
            names.add(stage.name)
            for place, evidence in enumerate(stage.shown_by):
                parts = (evidence.touch, evidence.session, evidence.conversion, evidence.event)
                given = sum(part is not None for part in parts)
                if given != 1:
                    yield (
                        f"$.models[{number}].stages[{position}].shown_by[{place}]",
                        "give one of touch, session, conversion, event",
                    )
                if evidence.event is not None:
                    yield from _event(f"$.models[{number}].stages[{position}].shown_by[{place}].event", evidence.event)


def _check_csv(name: str, text: str) -> Found:
    columns = CSV[name]
    reader = csv.reader(io.StringIO(text))
    if tuple(next(reader, ())) != columns:
        yield 1, f"the first line must be {','.join(columns)}"
        return
    seen: dict[tuple[str, ...], int] = {}
    for row in reader:
        line = reader.line_num
        if len(row) != len(columns):
            yield line, f"{len(row)} columns, not {len(columns)}"
            continue
        key = tuple(row[:3]) if name == "currencies.csv" else (row[0].lower(),)
        if key in seen:
            yield line, f"{', '.join(key)} stands in line {seen[key]} already"
        seen[key] = line
        yield from _rate(line, row) if name == "currencies.csv" else _host(line, row[0])
        if name == "continuity.csv" and not row[0].isascii():  # in referrers.csv it may be the name of a source
            yield line, f"{row[0]!r} never stands in a referrer: write it as browsers send it, xn--…"


def _host(line: int, host: str) -> Found:
    if not host or host != host.strip().lower() or "/" in host or ":" in host:
        yield line, f"{host!r} is no host: write it lower-case, without https:// and path"


def _rate(line: int, row: list[str]) -> Found:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", row[2]):
        yield line, f"{row[2]!r} is no day: write 2026-01-31"
    try:
        positive = 0 < float(row[3]) < math.inf
    except ValueError:
        positive = False
    if not positive:
        yield line, f"{row[3]!r} is no rate: write a number above 0"
