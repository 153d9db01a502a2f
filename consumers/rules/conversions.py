"""What conversions.yaml says, and as SQL: which events report a conversion or a refund, of what, worth how much."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from consumers.rules.conditions import EventRule, OneOrMore, any_rule_sql, rule_sql, text_of
from consumers.rules.literal import quote

MONEY_DIGITS: Final = 4
DAY_MS: Final = 86_400_000
# Touches of one path at most, the last ones; and of all paths of one person together. People have far fewer; what stands for many (a screen
# in a shop) has as many times as many as it converts, all of which is derived anew with each of its events.
PATH_TOUCHES_MAX: Final = 20_000
PATHS_TOUCHES_MAX: Final = 1_000_000
# Who has more touches than so many: each conversion copies a piece of them, twice as many as its path may hold or twice as many as these.
STEPS_UNCUT_MAX: Final = 5_000
PIECE_STEPS_MIN: Final = 100


class ConversionRule(EventRule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Events that are a conversion. Value, currency and order: what `…_from` finds, else the event's own, else the default."""

    name: str
    value: float | None = None
    value_from: str | None = None
    currency: str = ""
    currency_from: str | None = None
    order_id_from: str | None = None


class RefundRule(EventRule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Events that take a conversion back, all or part: that of the same order, else that of the event which `event_id_from`
    names. `refund_of`: only conversions of these names; [] = any. Without a value it takes all."""

    refund_of: list[str] = []
    value_from: str | None = None
    order_id_from: str | None = None
    event_id_from: str | None = None


class ConversionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """conversions.yaml."""

    version: int
    events: list[ConversionRule]
    lookback_days: dict[str, float]
    trust: list[str]
    trust_of: dict[str, OneOrMore] = {}
    order_days: float = 90
    duplicate_hours: float = 48
    refunds: list[RefundRule] = msgspec.field(default_factory=lambda: [RefundRule(types=["refund"])])


def is_refund(rules: ConversionRules) -> str:
    """Whether an event takes a conversion back."""
    return f"({any_rule_sql(rules.refunds)})"


def is_conversion(rules: ConversionRules) -> str:
    """Whether an event reports a conversion."""
    return f"((type = 'conversion' OR {any_rule_sql(rules.events)}) AND NOT {is_refund(rules)})"


def conversion_name(rules: ConversionRules) -> str:
    """The name of the conversion an event reports: of the first rule that matches, else its own."""
    own = "multiIf(name != '', toString(name), order_id != '', 'purchase', 'conversion')"
    return _of_rule([(rule_sql(rule), quote(rule.name)) for rule in rules.events], own)


def conversion_value(rules: ConversionRules) -> str:
    """What it is worth, or what is given back; NULL = the sender did not say."""
    cases = [(rule_sql(one), _amount(one.value_from, None)) for one in rules.refunds]
    cases += [(rule_sql(one), _amount(one.value_from, one.value)) for one in rules.events]
    return _of_rule(cases, "value")


def conversion_currency(rules: ConversionRules) -> str:
    """In which currency; what is given back in its own."""
    cases = [(rule_sql(one), "toString(currency)") for one in rules.refunds]
    cases += [(rule_sql(one), _text(one.currency_from, "currency", one.currency)) for one in rules.events]
    return _of_rule(cases, "toString(currency)")


def conversion_order(rules: ConversionRules) -> str:
    """The order it belongs to."""
    readings: list[ConversionRule | RefundRule] = [*rules.refunds, *rules.events]
    cases = [(rule_sql(one), _text(one.order_id_from, "order_id", "")) for one in readings]
    return _of_rule(cases, "toString(order_id)")


def refunded_event(rules: ConversionRules) -> str:
    """The event whose conversion a refund without an order takes back."""
    cases = [(rule_sql(one), text_of(one.event_id_from) if one.event_id_from else "''") for one in rules.refunds]
    return _of_rule(cases, "''")


def refund_of(rules: ConversionRules) -> str:
    """The names of conversions that a refund is for; [] = any."""
    cases = [(rule_sql(one), f"[{', '.join(quote(name) for name in one.refund_of)}]") for one in rules.refunds]
    return _of_rule([(when, f"CAST({names}, 'Array(String)')") for when, names in cases], "CAST([], 'Array(String)')")


def lookback_ms(rules: ConversionRules) -> str:
    """The look-back of a touch by its `kind`."""
    kinds = {kind: days for kind, days in rules.lookback_days.items() if kind != "default"}
    default = f"toInt64({round(rules.lookback_days['default'] * DAY_MS)})"
    if not kinds:
        return default
    days = ", ".join(f"toInt64({round(each * DAY_MS)})" for each in kinds.values())
    return f"transform(toString(kind), [{', '.join(quote(kind) for kind in kinds)}], [{days}], {default})"


def _of_rule(cases: list[tuple[str, str]], otherwise: str) -> str:
    """By the first rule that matches; rules that say what would hold without them are left out from the end."""
    while cases and cases[-1][1] == otherwise:
        cases.pop()
    return f"multiIf({', '.join(f'{when}, {then}' for when, then in cases)}, {otherwise})" if cases else otherwise


def _amount(found_at: str | None, default: float | None) -> str:
    given = [f"toDecimal64OrNull({text_of(found_at)}, {MONEY_DIGITS})"] if found_at else []
    known = [f"toDecimal64({quote(str(Decimal(str(default))))}, {MONEY_DIGITS})"] if default is not None else []
    return f"coalesce({', '.join([*given, 'value', *known])})" if given or known else "value"


def _text(found_at: str | None, column: str, default: str) -> str:
    known = [f"nullIf({text_of(found_at)}, '')"] if found_at else []
    own = f"toString({column})"
    if not known and not default:
        return own
    found = ", ".join([*known, f"nullIf({own}, '')"])
    return f"coalesce({found}, {quote(default)})"
