"""The words of a statement as the engine itself spells it: which settings it gives, which formats it names. Pure.

Works on the text of `formatQuerySingleLine` only: one statement, no comments, no heredocs, keywords in capitals, strings in
single quotes, odd names in backticks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

_WORD: Final = re.compile(
    r"""\s+
    | (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<odd>`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")
    | (?P<name>[A-Za-z_][\w$]*)
    | (?P<number>\d[\w.]*(?:(?<=[eE])[+-]\d+)?)
    | (?P<mark>.)""",
    re.DOTALL | re.VERBOSE,
)
_ENDS: Final = frozenset({")", "FORMAT", "INTO", "AS", "UNION", "EXCEPT", "INTERSECT", "SETTINGS", "COMMENT"})
_NOT_SETTINGS: Final = frozenset({"ROLE", "DEFAULT", "TRANSACTION"})
_BEFORE_STAR: Final = frozenset({"SELECT", "DISTINCT", ",", "."})
_END: Final = ("end", "")

Word = tuple[str, str]
"""Its kind (text, odd, name, number, mark, end) and its spelling."""


class Setting(msgspec.Struct, frozen=True):
    """One `name = value`, from wherever it comes."""

    name: str
    value: str | None
    """As spelt between the quotes; None = no plain text, number or flag (a map, a parameter, an expression)."""
    default: bool = False
    """`= DEFAULT`."""


def words(text: str) -> list[Word]:
    """Everything but the spaces."""
    return [(found.lastgroup, found.group()) for found in _WORD.finditer(text) if found.lastgroup]


def with_identifiers(found: Sequence[Word], parameters: Mapping[str, str]) -> list[Word]:
    """The same with each `{name:Identifier}` as the name that its parameter gives."""
    filled: list[Word] = []
    place = 0
    while place < len(found):
        spelt = [word for _, word in found[place : place + 5]]
        if len(spelt) == 5 and [spelt[0], *spelt[2:]] == ["{", ":", "Identifier", "}"]:
            filled.append(("odd", f"`{parameters.get(spelt[1], '')}`"))
            place += 5
        else:
            filled.append(found[place])
            place += 1
    return filled


def odd_characters(found: Sequence[Word]) -> bool:
    """Whether a quoted name holds what would end a line of the engine's syntax tree, or a comment or heredoc is left."""
    if any(kind == "odd" and ("\\" in word or not word.isprintable()) for kind, word in found):
        return True
    bare = "".join(word if kind == "mark" else " " for kind, word in found)
    return "--" in bare or "/*" in bare or "#" in bare or "$" in bare or "\0" in bare


def given_settings(found: Sequence[Word]) -> Iterator[Setting]:
    """Every setting of every SETTINGS clause at any depth, and of SET."""
    for start, word in enumerate(found):
        listed = start == 1 and found[0][1] == "SHOW"
        if word == ("name", "SETTINGS") and not listed:
            yield from _assignments(found, start + 1)
    if found and found[0][1] == "SET" and _at(found, 1)[1] not in _NOT_SETTINGS:
        yield from _assignments(found, 1)


def clause_count(found: Sequence[Word]) -> int:
    """How many lists of settings there are: as many as the syntax tree may show."""
    listed = [word for _, word in found[:2]] == ["SHOW", "SETTINGS"]
    return found.count(("name", "SETTINGS")) - listed + (_at(found, 0)[1] == "SET")


def named_formats(found: Sequence[Word]) -> Iterator[str]:
    """What follows FORMAT at the end of a statement, or before its SETTINGS; elsewhere the word is a column's name."""
    for start, word in enumerate(found):
        if word == ("name", "FORMAT"):
            kind, spelling = _at(found, start + 1)
            clause = _at(found, start + 2)[1] in {"", "SETTINGS", ")"}
            if kind == "odd" or spelling == "{" or (kind == "name" and clause):
                yield spelling.strip("`")  # so the engine spells those that are keywords too: Null, Values


def stars_without(text: str, columns: Sequence[str]) -> str:
    """The statement with `*` and `t.*`, where they are columns to select, less these columns."""
    parts: list[str] = []
    start = 0
    before = ""
    for found in _WORD.finditer(text):
        if found.lastgroup is None:
            continue
        if found.group() == "*" and before in _BEFORE_STAR:
            parts += [text[start : found.end()], f" EXCEPT ({', '.join(columns)})"]
            start = found.end()
        before = found.group()
    return "".join([*parts, text[start:]])


def _at(found: Sequence[Word], place: int) -> Word:
    return found[place] if place < len(found) else _END


def _assignments(found: Sequence[Word], place: int) -> Iterator[Setting]:
    while True:
        kind, name = _at(found, place)
        if kind != "name":
            yield Setting(name, None)
            return
        place += 1
        while _at(found, place)[1] == ".":
            name += "." + _at(found, place + 1)[1]
            place += 2
        setting, place = _assignment(found, place, name)
        yield setting
        if setting.value is None and not setting.default:
            return
        if _at(found, place)[1] != ",":
            if _at(found, place) != _END and _at(found, place)[1] not in _ENDS:
                yield Setting(name, None)
            return
        place += 1


def _assignment(found: Sequence[Word], place: int, name: str) -> tuple[Setting, int]:
    if _at(found, place)[1] != "=":  # SETTINGS flag
        return Setting(name, "1"), place
    place += 1
    sign = _at(found, place)[1] == "-"
    kind, value = _at(found, place + sign)
    place += sign + 1
    if kind == "number":
        return Setting(name, "-" * sign + value), place
    if kind == "text" and not sign:
        return Setting(name, value[1:-1]), place
    if kind == "name" and not sign and value.upper() in {"TRUE", "FALSE", "DEFAULT"}:
        default = value.upper() == "DEFAULT"
        return Setting(name, None if default else str(int(value.upper() == "TRUE")), default), place
    return Setting(name, None), place
