"""Numbered SQL files → the tables, once each and in order. (Views have no history: see consumers/tables.py.)

A file is `NNNN_name.sql`; a statement ends with `;` at the end of a line. A file may be applied again after a crash
in its middle, so its statements say IF NOT EXISTS; the record is written when the whole file is done. Applied files
are never edited: a change is a new file.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from consumers.warehouse.contract import Warehouse, WarehouseError

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_RECORDS = """CREATE TABLE IF NOT EXISTS schema_migrations
(
    kind       LowCardinality(String),
    name       String,
    sha256     FixedString(64),
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree ORDER BY (kind, name, applied_at) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""


class SqlFile(msgspec.Struct, frozen=True):
    """One file of statements."""

    name: str
    sha256: str
    statements: tuple[str, ...]


def statements(text: str) -> list[str]:
    """The statements of a file: each ends with `;` at the end of a line. Mere comments are left out."""
    pieces = re.split(r";[ \t]*(?:\n|$)", text.replace("\r\n", "\n"))
    return [piece.strip() for piece in pieces if _has_code(piece)]


def _has_code(piece: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in piece.split("\n"))


def read_files(folder: Path) -> list[SqlFile]:
    """The `*.sql` files of a folder, in the order of their names."""
    files = []
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        files.append(SqlFile(path.name, digest, tuple(statements(text))))
    return files


async def migrate(warehouse: Warehouse, folder: Path) -> list[str]:
    """Apply what is missing; the names of the files applied now. Raises `WarehouseError` for a history that was edited,
    lost a file, or has a number twice, before anything is changed."""
    files = read_files(folder)
    _check_numbers(files)
    await warehouse.command(_RECORDS)
    applied = await _records(warehouse)
    _check_history(files, applied, folder)
    done = []
    for file in files:
        if file.name not in applied:
            await _apply(warehouse, file)
            done.append(file.name)
    return done


async def _records(warehouse: Warehouse) -> dict[str, str]:
    found = await warehouse.rows(
        "SELECT name, toString(argMax(sha256, applied_at)) FROM schema_migrations "
        "WHERE kind = {kind:String} GROUP BY name",
        {"kind": "table"},
    )
    return {str(name): str(digest) for name, digest in found}


async def _apply(warehouse: Warehouse, file: SqlFile) -> None:
    for number, statement in enumerate(file.statements, 1):
        try:
            await warehouse.command(statement)
        except WarehouseError as error:
            raise type(error)(f"{file.name}, statement {number}: {error}", error.code) from error
    columns = {"kind": ["table"], "name": [file.name], "sha256": [file.sha256]}
    types = {"kind": "LowCardinality(String)", "name": "String", "sha256": "FixedString(64)"}
    await warehouse.insert("schema_migrations", columns, types)


def _check_numbers(files: list[SqlFile]) -> None:
    seen: dict[str, str] = {}
    for file in files:
        found = _NAME.match(file.name)
        if found is None:
            raise WarehouseError(f"{file.name} is no migration: name it NNNN_what_it_does.sql")
        if found.group(1) in seen:
            raise WarehouseError(f"Two migrations have one number: {seen[found.group(1)]}, {file.name}")
        seen[found.group(1)] = file.name


def _check_history(files: list[SqlFile], applied: dict[str, str], folder: Path) -> None:
    here = {file.name: file.sha256 for file in files}
    lost = sorted(set(applied) - set(here))
    if lost:
        raise WarehouseError(
            f"The tables were made by migrations that are not in {folder.name}: {', '.join(lost)}. "
            "They belong to a newer version of Netiv; run that version."
        )
    edited = sorted(name for name, digest in applied.items() if here[name] != digest)
    if edited:
        raise WarehouseError(
            f"Migrations were edited after they had been applied: {', '.join(edited)}. "
            "Restore them and put the change into a new file."
        )
    newest = max(applied, default="")
    behind = sorted(name for name in here if name < newest and name not in applied)
    if behind:
        raise WarehouseError(f"Migrations are numbered before the newest applied one ({newest}): {', '.join(behind)}.")
