"""May this statement run for an outside reader? Read with the engine's own parser, never with ours.

Two guards stand one behind the other: the reader's role in the engine (no files, no network, one database; limits that
no SETTINGS clause lifts) and this check, for what roles do not cover: the scalar `file()`, INTO OUTFILE, KILL, SET
ROLE, system tables that tell paths. The parser rewrites the text first, so that there is one statement, no comments,
and quoted parts are quoted in one way only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from consumers.warehouse.contract import WarehouseError
from consumers.warehouse.front_access import Refused
from consumers.warehouse.lane import Lane

_CACHED_MAX = 512
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_OUTFILE = re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)(?:\s+SETTINGS\b[^;]*)?$")
_NODE = re.compile(r"^( *)([A-Za-z]+)(?: +(.*))?$")
_TAIL = re.compile(r"\s*(?:\(alias .*\))?\s*(?:\(children \d+\))?$")

_READING = frozenset(
    {
        "SelectWithUnionQuery",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "TablesInSelectQuery",
        "Explain",
        "DescribeQuery",
        "ShowTables",
    }
    | {"ShowColumns", "ShowIndexes", "ShowFunctions", "ShowSetting", "ShowCreateTableQuery", "ShowCreateViewQuery"}
    | {"ShowCreateDatabaseQuery", "ExistsTableQuery", "ExistsViewQuery", "ExistsDatabaseQuery", "ExistsTable"}
    | {"Set", "UseQuery"}
)
_TABLE_FUNCTIONS = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "values", "view", "null"}
    | {"generaterandom", "format", "primes", "sqlstandardvalues"}
)
_FUNCTIONS_REFUSED = frozenset(
    {"file", "getserversetting", "getmacro", "getserverport", "showcertificate", "logtrace", "getclienthttpheader"}
    | {"hascolumnintable", "catboostevaluate", "modelevaluate", "executable", "python", "getoskernelversion"}
    | {"filesystemavailable", "filesystemcapacity", "filesystemunreserved", "filesystemfree", "eval", "displayname"}
    | {"aigenerate", "aiembed", "aiclassify", "aiextract", "aifilter", "airedact", "aisimilarity", "aitranslate"}
    | {"sleep", "sleepeachrow"}
)
_SYSTEM_TABLES = frozenset(
    {"one", "numbers", "numbers_mt", "zeros", "zeros_mt", "settings", "databases", "tables", "columns", "functions"}
    | {"formats", "data_type_families", "table_functions", "table_engines", "aggregate_function_combinators"}
    | {"collations", "time_zones", "keywords", "contributors", "licenses", "completions"}
)
_PATH_TABLES = ("system.tables", "system.databases")
_PATH_COLUMNS = ("data_path", "data_paths", "metadata_path")


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


class StatementReader:
    """Reads statements in a reader's lane of its own; remembers the last few hundred."""

    def __init__(self, lane: Lane, database: str) -> None:
        self._lane = lane
        self._database = database
        self._table_functions: frozenset[str] = frozenset()
        self._both: frozenset[str] = frozenset()
        """Names that are ordinary functions too: only as tables do they reach out."""
        self._cache: dict[str, Statement] = {}

    async def start(self) -> None:
        """Ask the engine which table functions it knows: those not allowed are refused; other names are views'."""
        self._table_functions = await self._names("SELECT name FROM system.table_functions")
        self._both = self._table_functions & await self._names("SELECT name FROM system.functions")

    async def _names(self, sql: str) -> frozenset[str]:
        result = await self._lane.call(lambda: self._lane.handle.run(sql))
        return frozenset(result.body.decode().lower().split())

    async def read(self, text: str, parameters: Mapping[str, str], *, checked: bool = True) -> Statement:
        """The statement; raises `Refused`, or `WarehouseError` for what cannot be parsed. An owner's is not checked."""
        known = self._cache.get(text)
        if known is not None:
            return known
        rewritten = await self._rewritten(text)
        masked = _QUOTED.sub("''", rewritten)
        if checked and _OUTFILE.search(masked):
            raise _refused("INTO OUTFILE")
        lines = await self._tree(rewritten, parameters)
        named = _FORMAT.search(masked)
        statement = Statement(
            text=rewritten,
            kind=next(_nodes(lines))[1] if lines else "",
            output_format=named.group(1) if named else None,
            temporary=masked.startswith("CREATE TEMPORARY TABLE "),
        )
        if checked:
            self._check(statement, lines)
        if ":Identifier}" not in rewritten:
            if len(self._cache) >= _CACHED_MAX:
                self._cache.pop(next(iter(self._cache)))
            self._cache[text] = statement
        return statement

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
        return result.body.decode().splitlines()

    def _check(self, statement: Statement, lines: list[str]) -> None:
        if statement.kind not in _READING and not statement.temporary:
            raise _refused(statement.kind or "An empty query")
        parents: list[str] = []
        system: set[str] = set()
        path_columns = False
        for depth, kind, name in _nodes(lines):
            del parents[depth:]
            parent = parents[-1] if parents else ""
            parents += [kind] * (depth + 1 - len(parents))
            self._check_node(statement, kind, name, parent)
            if name.startswith("system.") or name == "system":
                system.add(name)
            path_columns |= name.rpartition(".")[2] in _PATH_COLUMNS
            path_columns |= "Asterisk" in kind and "Function" not in parents[-4:]
            path_columns |= "Matcher" in kind
        if path_columns and any(name in _PATH_TABLES for name in system):
            raise Refused(497, "ACCESS_DENIED", "Name the columns of system tables; those with paths are refused.")

    def _check_node(self, statement: Statement, kind: str, name: str, parent: str) -> None:
        root = kind == statement.kind
        if (kind.endswith("Query") or kind == "SYSTEM") and kind not in _READING and not (root and statement.temporary):
            raise _refused(kind)
        lower = name.lower()
        if kind == "Function":
            as_table = parent in {"TableExpression", "DescribeQuery"}
            reaches_out = lower in self._table_functions and lower not in _TABLE_FUNCTIONS
            if lower in _FUNCTIONS_REFUSED or (reaches_out and (as_table or lower not in self._both)):
                raise _refused(f"{name}()")
        elif kind in {"TableIdentifier", "Identifier", "ExistsTableQuery", "ShowCreateTableQuery"}:
            database, _, table = name.replace(" ", ".").partition(".")
            if database == "system" and table.partition(".")[0] not in _SYSTEM_TABLES and table:
                raise _refused(f"Table {name}")
        elif kind == "UseQuery" and name not in {self._database, "default"}:
            raise _refused(f"Database {name}")


def _nodes(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    for line in lines:
        found = _NODE.match(line)
        if found:
            yield len(found.group(1)), found.group(2), _TAIL.sub("", found.group(3) or "").strip()


def _own_words(text: str) -> str:
    """A parser's complaint without our formatQuery around it."""
    head, found, tail = text.partition(": In scope SELECT formatQuery")
    name = tail.rpartition("(")[2].rstrip(")") if found else ""
    return f"{head.rstrip(' :')} ({name})" if found else text


def _refused(what: str) -> Refused:
    return Refused(497, "ACCESS_DENIED", f"Not enough privileges: {what} is not for readers of this endpoint.")
