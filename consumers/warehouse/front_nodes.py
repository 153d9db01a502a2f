"""What the engine's syntax tree of a reader's statement may hold: kinds of statements, functions, tables. Pure.

The tree is the text of EXPLAIN AST, one node a line, indented by depth. Names that would break a line were refused before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from consumers.warehouse.front_access import Refused
from consumers.warehouse.front_formats import require_format

_NODE: Final = re.compile(r"^( *)([A-Za-z]+)(?: +(.*))?$")
_TAIL: Final = re.compile(r"\s*(?:\(alias .*\))?\s*(?:\(children \d+\))?$")

_READING: Final = frozenset({
    "SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery", "TablesInSelectQuery", "Explain", "DescribeQuery",
    "ShowTables", "ShowColumns", "ShowIndexes", "ShowFunctions", "ShowSetting", "ShowCreateTableQuery", "ShowCreateViewQuery",
    "ShowCreateDatabaseQuery", "ExistsTableQuery", "ExistsViewQuery", "ExistsDatabaseQuery", "ExistsTable", "Set", "UseQuery",
})  # fmt: skip
_TABLE_FUNCTIONS: Final = frozenset({
    "numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "values", "view", "null", "generaterandom",
    "format", "primes", "sqlstandardvalues",
})  # fmt: skip
FUNCTIONS_REFUSED: Final = frozenset({
    "file", "getserversetting", "getmacro", "getserverport", "showcertificate", "logtrace", "getclienthttpheader", "hascolumnintable",
    "catboostevaluate", "modelevaluate", "executable", "python", "getoskernelversion", "filesystemavailable", "filesystemcapacity",
    "filesystemunreserved", "filesystemfree", "eval", "aigenerate", "aiembed", "aiclassify", "aiextract", "aifilter",
    "airedact", "aisimilarity", "aitranslate", "sleep", "sleepeachrow", "generateserialid", "getmaxtablenamelengthfordatabase",
    "tcpport", "evalmlmethod", "addresstoline", "addresstolinewithinlines", "addresstosymbol",
})  # fmt: skip
SYSTEM_TABLES: Final = frozenset({
    "one", "numbers", "numbers_mt", "zeros", "zeros_mt", "settings", "databases", "tables", "columns", "parts", "functions", "formats",
    "data_type_families", "table_functions", "table_engines", "aggregate_function_combinators", "collations", "time_zones",
    "keywords", "contributors", "licenses", "completions",
})  # fmt: skip
_PATH_TABLES: Final = ("system.tables", "system.databases", "system.parts")
PATH_COLUMNS: Final = ("data_path", "data_paths", "metadata_path", "path")
_IN: Final = frozenset(
    {"in", "notin", "globalin", "globalnotin", "nullin", "notnullin", "globalnullin", "globalnotnullin"}
)
_STRUCTURED: Final = frozenset({"format", "values", "generaterandom", "null", "sqlstandardvalues"})
# SQL in the description of columns runs when they are read: `a UInt8 ALIAS file('…')`.
_EXPRESSION: Final = re.compile(
    r"\b(?:default|materialized|alias|ephemeral|codec|ttl|statistics|settings)\b|\\(?!')", re.IGNORECASE | re.ASCII
)


class Node(msgspec.Struct, frozen=True):
    """One line of the tree."""

    depth: int
    kind: str
    name: str
    named: bool = False
    """Whether it has an alias."""


class Names(msgspec.Struct, frozen=True):
    """What the engine knows, in small letters, and the database that readers ask."""

    database: str
    table_functions: frozenset[str]
    both: frozenset[str]
    """Table functions that are ordinary functions too: only as tables do they reach out."""
    internal: frozenset[str] = frozenset()
    """Functions that the engine has for itself, as it spells them: `__…`."""


def nodes(lines: Sequence[str]) -> list[Node]:
    """The tree."""
    return list(_nodes(lines))


def _nodes(lines: Sequence[str]) -> Iterator[Node]:
    for line in lines:
        found = _NODE.match(line)
        if found:
            name = _TAIL.sub("", found.group(3) or "").strip()
            kind = found.group(2)
            shown = name.partition(" ")[0] if kind == "Function" else name
            yield Node(len(found.group(1)), kind, shown, "(alias " in (found.group(3) or ""))


def check(tree: Sequence[Node], names: Names, *, temporary: bool) -> None:
    """Return, or raise `Refused`. `temporary`: the statement is a CREATE TEMPORARY TABLE."""
    kind = tree[0].kind if tree else ""
    if kind not in _READING and not temporary:
        raise refused(kind or "An empty query")
    if temporary:
        _check_temporary(tree)
    parents: list[Node] = []
    paths = False
    for place, node in enumerate(tree):
        del parents[node.depth :]
        _check_node(node, root=temporary and place == 0, names=names)
        if node.kind == "Function":
            _check_function(tree, place, parents, names)
        paths = paths or _may_tell_paths(tree, place, parents)
        parents += [node] * (node.depth + 1 - len(parents))
    if paths and has_paths(tree):
        raise Refused(497, "ACCESS_DENIED", "Name the columns of system tables; those with paths are refused.")


def has_paths(tree: Sequence[Node]) -> bool:
    """Whether it asks a table that has `PATH_COLUMNS`."""
    return any(node.name in _PATH_TABLES for node in tree)


def _may_tell_paths(tree: Sequence[Node], place: int, parents: Sequence[Node]) -> bool:
    node = tree[place]
    argument = len(parents) > 1 and parents[-1].kind == "ExpressionList" and parents[-2].kind == "Function"
    function = parents[-2].name.lower() if argument else ""
    if "Matcher" in node.kind:
        return True
    if node.name.rpartition(".")[2] in PATH_COLUMNS:
        # JDBC drivers ask `empty(data_paths)` of every table. Under a name it could be asked for elsewhere.
        left_out = bool(parents) and parents[-1].kind == "ColumnsExceptTransformer"
        return not left_out and (function != "empty" or node.named)
    # `count(*)` reads nothing of the rows; any other function gives back what it is given.
    return "Asterisk" in node.kind and function != "count" and not _without_paths(tree, place)


def _without_paths(tree: Sequence[Node], place: int) -> bool:
    """Whether the first thing done to `*` is to leave the paths out (see `stars_without`)."""
    below = list(_below(tree, place))
    first = next((number for number, node in enumerate(below) if node.kind.endswith("Transformer")), None)
    if first is None or below[first].kind != "ColumnsExceptTransformer":
        return False
    return {node.name for node in _below(below, first)} >= set(PATH_COLUMNS)


def _check_temporary(tree: Sequence[Node]) -> None:
    parts = [(place, node) for place, node in enumerate(tree) if node.depth == 1]
    if not any(node.kind.startswith("Select") for _, node in parts):
        raise refused("A temporary table without AS SELECT")
    for place, node in parts:
        if node.kind == "Storage":
            inside = [child for child in _below(tree, place) if child.depth == 2]
            if [(child.kind, child.name.lower()) for child in inside] != [("Function", "memory")]:
                raise refused("A table engine other than Memory")
        elif node.kind == "Function":
            raise refused(f"{node.name}()")


def _check_node(node: Node, *, root: bool, names: Names) -> None:
    if (node.kind.endswith("Query") or node.kind == "SYSTEM") and node.kind not in _READING and not root:
        raise refused(node.kind)
    if node.kind in {"TableIdentifier", "Identifier", "ExistsTableQuery", "ShowCreateTableQuery"}:
        database, _, table = node.name.replace(" ", ".").partition(".")
        if database == "system" and table.partition(".")[0] not in SYSTEM_TABLES and table:
            raise refused(f"Table {node.name}")
    elif node.kind == "UseQuery" and node.name not in {names.database, "default"}:
        raise refused(f"Database {node.name}")


def _check_function(tree: Sequence[Node], place: int, parents: Sequence[Node], names: Names) -> None:
    name, lower = tree[place].name, tree[place].name.lower()
    above = parents[-1].kind if parents else ""
    as_table = above in {"TableExpression", "DescribeQuery"}
    reaches_out = lower in names.table_functions and lower not in _TABLE_FUNCTIONS
    if lower in FUNCTIONS_REFUSED or lower.startswith("__"):
        raise refused(f"{name}()")
    if reaches_out and (as_table or lower not in names.both):
        raise refused(f"{name}()")
    if lower in {"formatrow", "formatrownonewline"}:
        _require_written(_arguments(tree, place), "Literal", name)
    compared = len(parents) > 1 and parents[-2].kind == "Function" and parents[-2].name.lower() in _IN
    if lower in _STRUCTURED and (as_table or compared):
        _check_structure(lower, _arguments(tree, place))


def _check_structure(name: str, arguments: Sequence[Node]) -> None:
    """A table function that takes a description of columns: it must stand there, and hold no SQL."""
    structure = arguments[0] if arguments else None
    if name == "format":
        _require_written(arguments, "Identifier Literal", name)
        structure = arguments[1] if len(arguments) > 2 else None  # else format and data
    if structure is not None and structure.kind != "Literal" and name in {"format", "generaterandom", "null"}:
        raise refused(f"{name}() with computed columns")
    if structure is not None and structure.kind == "Literal" and _EXPRESSION.search(structure.name):
        raise refused(f"{name}() with expressions in its columns")


def _require_written(arguments: Sequence[Node], kinds: str, name: str) -> None:
    """The first argument is an allowed format, written out."""
    if not arguments or arguments[0].kind not in kinds.split():
        raise refused(f"{name}() with a computed format")
    require_format(arguments[0].name.strip("'"))


def _below(tree: Sequence[Node], place: int) -> Iterator[Node]:
    for node in tree[place + 1 :]:
        if node.depth <= tree[place].depth:
            return
        yield node


def _arguments(tree: Sequence[Node], place: int) -> list[Node]:
    """The arguments of the function: the parts of its first list."""
    found: list[Node] = []
    lists = 0
    for node in _below(tree, place):
        level = node.depth - tree[place].depth
        lists += level == 1
        if lists == 1 and level == 2:
            found.append(node)
    return found


def refused(what: str) -> Refused:
    """The error for what readers may not do."""
    return Refused(497, "ACCESS_DENIED", f"Not enough privileges: {what} is not for readers of this endpoint.")
