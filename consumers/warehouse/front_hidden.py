"""What the engine's syntax tree does not show: functions named without a call, what APPLY does, the conditions of SHOW. Pure.

EXPLAIN AST leaves out the function, lambda and parameters of `* APPLY …` and what follows WHERE and LIMIT of a SHOW, and a function
may be named without its arguments (`arrayMap(file, …)`). So the words of the statement are looked at too: what may not be
called may not stand there as a name at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from consumers.warehouse.front_nodes import FUNCTIONS_REFUSED, PATH_COLUMNS, SYSTEM_TABLES, Names, refused
from consumers.warehouse.front_words import Word

_NAMES = frozenset({"name", "odd"})
_LITERALS = frozenset({"number", "text"})
_MARKS = frozenset({",", "-", ")"})
_OPERATORS = frozenset({"IN", "AND", "OR", "NOT", "WHERE", "LIKE", "ILIKE", "BETWEEN", "LIMIT"})
_QUERIES = frozenset({"SELECT", "WITH", "EXPLAIN"})


def check_hidden(found: Sequence[Word], names: Names) -> None:
    """Return, or raise `Refused`. `found`: all words, with identifiers in place of their parameters."""
    shows = found[:1] == [("name", "SHOW")]
    for place, (kind, spelling) in enumerate(found):
        if kind in _NAMES:
            _check_name(spelling.strip('`"'), found[place + 1 : place + 3], names)
            if shows and spelling.strip('`"').rpartition(".")[2] in PATH_COLUMNS:
                raise refused("SHOW with a path in its condition")
        if (kind, spelling) == ("name", "APPLY"):
            _check_apply(found[place + 1 :])
        elif shows and spelling == "(":
            _check_bracket(found[place - 1], *found[place + 1 : place + 2])


def _check_name(name: str, after: Sequence[Word], names: Names) -> None:
    if name.lower() in FUNCTIONS_REFUSED or name in names.internal:
        raise refused(f"The name {name}")
    table = ""
    if name == "system" and len(after) == 2 and after[0][1] == ".":
        table = after[1][1].strip('`"')
    elif name.startswith("system."):
        table = name.split(".")[1]
    if table and table not in SYSTEM_TABLES:
        raise refused(f"Table system.{table}")


def _check_bracket(before: Word, *after: Word) -> None:
    """Of a SHOW: neither of a call nor of a query."""
    if (before[0] in _NAMES and before[1] not in _OPERATORS) or any(word in _QUERIES for _, word in after):
        raise refused("SHOW with a call or a query in its condition")


def _check_apply(after: Sequence[Word]) -> None:
    """The name of a function, perhaps with parameters that are numbers and texts: no lambda, no expression."""
    kind = after[0][0] if after else ""
    marks = [spelling for _, spelling in after[1:3]]
    if kind not in _NAMES or marks == ["-", ">"]:
        raise refused("APPLY of more than a function's name")
    if marks[:1] != ["("]:
        return
    for kind, spelling in after[2:]:
        if kind not in _LITERALS and spelling not in _MARKS:
            raise refused("APPLY of more than a function's name")
        if spelling == ")":
            return
