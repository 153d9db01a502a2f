"""What stands behind the {{name}}s of the attribution views: the parameters they pass on, and the shared text of credits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from consumers.refresh.sql import expand, read
from consumers.rules.literal import quote

# A view hands its own parameters down by name.
WINDOW: Final = (
    "since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}, "
    "lookback_s = {lookback_s:Int64}, transform = {transform:String}, conversion = {conversion:String}"
)
_ONLY_FOR: Final = "conversion = if({model:String} IN ('', '%s'), {conversion:String}, '-')"
MODEL: Final = (
    "{{window}}, half_life_s = {half_life_s:Float64}, position_first = {position_first:Float64}, "
    "position_middle = {position_middle:Float64}, position_last = {position_last:Float64}"
)
# All of time, and the defaults of the models: 7 days, 40/20/40.
ALWAYS: Final = (
    "since = '1970-01-01 00:00:00', until = '2299-01-01 00:00:00', lookback_s = 0, transform = '', conversion = ''"
)
DEFAULTS: Final = "{{always}}, half_life_s = 604800, position_first = 40, position_middle = 20, position_last = 40"

# One text of options instead of parameters: JSON, what it leaves out is the default.
_TIME: Final = "if(JSONHas({options:String}, '%s'), JSONExtractString({options:String}, '%s'), '%s')"
_NUMBER: Final = "if(JSONHas({options:String}, '%s'), JSONExtractFloat({options:String}, '%s'), %s)"
OPTIONS: Final = (
    f"since = {_TIME % ('since', 'since', '1970-01-01 00:00:00')}, "
    f"until = {_TIME % ('until', 'until', '2299-01-01 00:00:00')}, "
    "lookback_s = JSONExtractInt({options:String}, 'lookback_s'), transform = JSONExtractString({options:String}, 'transform'), "
    "conversion = JSONExtractString({options:String}, 'conversion'), "
    f"half_life_s = {_NUMBER % ('half_life_s', 'half_life_s', '604800.')}, "
    f"position_first = {_NUMBER % ('position_first', 'position_first', '40.')}, "
    f"position_middle = {_NUMBER % ('position_middle', 'position_middle', '20.')}, "
    f"position_last = {_NUMBER % ('position_last', 'position_last', '40.')}"
)

OPTION_NAMES: Final = (
    "model", "since", "until", "conversion", "lookback_s", "transform", "half_life_s", "position_first", "position_middle",
    "position_last",
)  # fmt: skip
MODELS: Final = ("first", "last", "last_non_direct", "linear", "position", "time_decay", "markov", "shapley")
TRANSFORMS: Final = ("", "collapse", "first", "drop_direct")

GIVEN: Final = (
    "(SELECT row.1 AS site, row.2 AS channel, row.3 AS effect FROM (SELECT arrayJoin("
    "JSONExtract({effects:String}, 'Array(Tuple(String, String, Float64))')) AS row))"
)


def view_macros() -> Mapping[str, str]:
    """name -> SQL text; none depends on rules."""
    plain = {"window": WINDOW, "model": MODEL, "always": ALWAYS, "defaults": DEFAULTS, "options": OPTIONS}
    plain |= {
        "known_options": _array(OPTION_NAMES), "names_of_options": ", ".join(OPTION_NAMES),
        "known_models": _array(("", *MODELS)), "names_of_models": ", ".join(MODELS),
        "known_transforms": _array(TRANSFORMS), "names_of_transforms": ", ".join(TRANSFORMS[1:]),
    }  # fmt: skip
    for model in ("markov", "shapley"):
        plain[f"window_of_{model}"] = WINDOW.replace("conversion = {conversion:String}", _ONLY_FOR % model)
    return {
        **plain,
        "by_markov": _credits("markov", "attribution_markov({{window}})", plain),
        "by_shapley": _credits("shapley", "attribution_shapley({{window}})", plain),
        "by_given": _credits("markov", GIVEN, plain),
    }


def _array(names: Iterable[str]) -> str:
    return f"[{', '.join(map(quote, names))}]"


def _credits(model: str, effects: str, plain: Mapping[str, str]) -> str:
    return expand(read("views/by_effect.inc.sql"), {**plain, "effect_model": model, "effects": effects})
