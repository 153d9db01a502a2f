"""May this statement run for an outside reader? Read with the engine's own parser, never with ours.

Two guards stand one behind the other: the reader's role in the engine (no files, no network, one database; limits and
constraints) and this check, for what those do not cover: the scalar `file()`, settings in subqueries, formats and columns
that hold SQL or name files, INTO OUTFILE, KILL, SET ROLE, system tables that tell paths. What the engine's syntax tree does not
show is looked for among the words (front_hidden.py). The parser rewrites the text
first, so that there is one statement, no comments, and quoted parts are quoted in one way only. Settings are checked before
the syntax tree is asked for, because the engine applies them to that question too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.engine_files import EngineLimits
from consumers.warehouse.front_formats import require_format
from consumers.warehouse.front_hidden import check_hidden
from consumers.warehouse.front_nodes import PATH_COLUMNS, Names, Node, check, has_paths, nodes, refused
from consumers.warehouse.front_settings import ReaderSettings
from consumers.warehouse.front_words import (
    Word,
    clause_count,
    given_settings,
    named_formats,
    odd_characters,
    stars_without,
    with_identifiers,
    words,
)
from consumers.warehouse.lane import Lane

_CACHED_MAX = 512
_CACHED_BYTES_MAX = 8 * 1024
"""Of one text: what is asked again and again is short, and 512 long ones would be gigabytes."""
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_OUTFILE = re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)(?:\s+SETTINGS\b[^;]*)?$")
_QUOTED_FORMAT = re.compile(r"\bFORMAT `(\w+)`")
_IDENTIFIER = re.compile(r"\{(\w+):Identifier\}")


class Statement(msgspec.Struct, frozen=True):
    """A statement that was read: its rewritten text, what it is, and the format it names."""

    text: str
    kind: str
    output_format: str | None
    temporary: bool = False

    @property
    def has_result(self) -> bool:
        """Whether it gives rows."""
        return self.kind not in {"Set", "UseQuery", "CreateQuery"}


def alone(statement: Statement) -> Statement:
    """What a statement comes to that no session remembers: the engine looks at a SET, and keeps nothing."""
    if statement.kind == "Set":
        return msgspec.structs.replace(
            statement, text=f"SELECT 1 SETTINGS {statement.text.removeprefix('SET ')} FORMAT Null"
        )
    if statement.kind == "UseQuery":
        return msgspec.structs.replace(statement, text="SELECT 1 FORMAT Null")
    return statement


class StatementReader:
    """Reads statements in a reader's lane of its own; remembers the last few hundred."""

    def __init__(self, lane: Lane, database: str, limits: EngineLimits) -> None:
        self._lane = lane
        self._limits = limits
        self._names = Names(database, frozenset(), frozenset())
        self._settings = ReaderSettings(limits, frozenset())
        self._cache: dict[str, Statement] = {}

    async def start(self) -> None:
        """Ask the engine which table functions it knows (those not allowed are refused; other names are views') and which
        settings."""
        tables = await self._listed("SELECT lower(name) FROM system.table_functions")
        both = tables & await self._listed("SELECT lower(name) FROM system.functions")
        internal = await self._listed("SELECT name FROM system.functions WHERE startsWith(name, '__')")
        self._names = Names(self._names.database, tables, both, internal)
        self._settings = ReaderSettings(self._limits, await self._listed("SELECT name FROM system.settings"))

    async def _listed(self, sql: str) -> frozenset[str]:
        result = await self._lane.call(lambda: self._lane.handle.run(sql))
        return frozenset(result.body.decode().split())

    def left_out(self, settings: Mapping[str, str]) -> frozenset[str]:
        """See `ReaderSettings.left_out`."""
        return self._settings.left_out(settings)

    async def read(self, text: str, parameters: Mapping[str, str], *, checked: bool = True) -> Statement:
        """The statement; raises `Refused`, or `WarehouseError` for what cannot be parsed. An owner's is not checked."""
        known = self._cache.get(text)
        if known is not None:
            return known
        rewritten = await self._rewritten(text)
        masked = _QUOTED.sub("''", _QUOTED_FORMAT.sub(r"FORMAT \1", rewritten))
        found = words(rewritten) if checked else []
        if checked:
            self._check_text(rewritten, masked, found, parameters)
        tree = nodes(await self._tree(rewritten, parameters))
        if checked and has_paths(tree):
            rewritten = stars_without(rewritten, PATH_COLUMNS)
            tree = nodes(await self._tree(rewritten, parameters))
        named = _FORMAT.search(masked)
        statement = Statement(
            text=rewritten,
            kind=tree[0].kind if tree else "",
            output_format=named.group(1) if named else None,
            temporary=masked.startswith("CREATE TEMPORARY TABLE "),
        )
        if checked:
            check(tree, self._names, temporary=statement.temporary)
            _require_all_seen(tree, found)
        # The tree has the values of parameters in it: another request's were not looked at.
        if "{" not in masked and len(text) <= _CACHED_BYTES_MAX:
            if len(self._cache) >= _CACHED_MAX:
                self._cache.pop(next(iter(self._cache)))
            self._cache[text] = statement
        return statement

    def _check_text(self, rewritten: str, masked: str, found: Sequence[Word], parameters: Mapping[str, str]) -> None:
        if _OUTFILE.search(masked):
            raise refused("INTO OUTFILE")
        if odd_characters(found):
            raise refused("A name with such characters")
        for name in _IDENTIFIER.findall(rewritten):
            if "\\" in parameters.get(name, "") or not parameters.get(name, "").isprintable():
                raise refused("A name with such characters")
        check_hidden(with_identifiers(found, parameters), self._names)
        for setting in given_settings(found):
            self._settings.check(setting)
        for output_format in named_formats(found):
            require_format(output_format)

    async def _rewritten(self, text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")
        sql = "SELECT formatQuerySingleLine({q:String}) FORMAT LineAsString"
        try:
            result = await self._lane.call(lambda: self._lane.handle.run(sql, "LineAsString", {"q": escaped}))
        except WarehouseError as error:
            raise WarehouseError(_own_words(str(error)), error.code) from error
        return result.body.decode().removesuffix("\n")

    async def _tree(self, rewritten: str, parameters: Mapping[str, str]) -> list[str]:
        sql = f"EXPLAIN AST {rewritten}"
        result = await self._lane.call(lambda: self._lane.handle.run(sql, "LineAsString", parameters))
        return result.body.decode().split("\n")


def _require_all_seen(tree: Sequence[Node], found: Sequence[Word]) -> None:
    """What our reading of the words did not see must not be in the tree: settings, and a format."""
    shown = sum(node.kind == "Set" for node in tree)
    own = [node.kind for node in tree[:2]] == ["Explain", "Set"]  # EXPLAIN's options, which are not settings
    if shown > clause_count(found) + own:
        raise refused("A list of settings in such a place")
    if tree[0].kind.startswith("Select"):
        for node in tree:
            if node.depth == 1 and node.kind == "Identifier":
                require_format(node.name)


def _own_words(text: str) -> str:
    """A parser's complaint without our formatQuery around it."""
    head, found, tail = text.partition(": In scope SELECT formatQuery")
    name = tail.rpartition("(")[2].rstrip(")") if found else ""
    return f"{head.rstrip(' :')} ({name})" if found else text
