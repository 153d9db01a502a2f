"""What the project promises about its own shape: sizes, words, comments, locks, generated pages."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from pathlib import Path

import pytest

from tests.tidy.tree import CODE, FILES, ROOT, name

LINES_MAX = 400
FUNCTION_LINES_MAX = 70


MODULES = [path for path in FILES if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in CODE]
TEXTS = [
    path
    for path in FILES
    if path.suffix in {".py", ".md", ".sql", ".ts", ".mjs", ".json", ".toml", ".yaml", ".yml", ".txt", ""}
]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_are_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree) or not tree.body, "a module opens by saying what it does"
    assert len(text.splitlines()) <= LINES_MAX
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".sql"], ids=name)
def test_sql_is_commented(path: Path) -> None:
    assert "--" in path.read_text("utf-8")


def test_no_skips_stubs_or_promises() -> None:
    # Put together so that this file does not find itself.
    words = (
        "pytest.mark." + "skip",
        "pytest." + "skip(",
        "x" + "fail(",
        "assert " + "True",
        "TO" + "DO",
        "FIX" + "ME",
        "NotImplemented" + "Error",
    )
    found = [
        f"{name(path)}: {word}"
        for path in FILES
        if path.suffix in {".py", ".ts", ".mjs"}
        for word in words
        if word in path.read_text("utf-8")
    ]
    assert not found


def test_nothing_names_a_machine_or_a_registry() -> None:
    pattern = re.compile(
        r"/wo"
        r"rk/|/ro"
        r"ot/|https?://[^ \"']*(/sim"
        r"ple/|/mav"
        r"en2/|\.whl\b)|\"resol"
        r"ved\": *\"http"
    )
    found = [
        f"{name(path)}:{number}"
        for path in TEXTS
        if "captures" not in path.parts
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def test_locks_hold_names_versions_and_hashes_only() -> None:
    for path in FILES:
        if path.name == "package-lock.json":
            packages = json.loads(path.read_text("utf-8"))["packages"]
            assert all("resolved" not in package for package in packages.values()), name(path)
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"#.*|[\w.\-]+==[\w.+!\-]+|", line), line


@pytest.mark.parametrize("page", ["settings", "metrics", "events", "rejections"])
def test_generated_pages_are_current(page: str) -> None:
    spec = importlib.util.spec_from_file_location(f"generate_{page}", ROOT / "docs" / f"generate_{page}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / f"{page}.md").read_text("utf-8") == module.page(), f"run: python docs/generate_{page}.py"


def test_every_view_is_described() -> None:
    views = (ROOT / "schemas" / "clickhouse" / "views").glob("*.sql")
    made = {made for path in views for made in re.findall(r"VIEW (v_\w+)", path.read_text("utf-8"))}
    page = (ROOT / "docs" / "clickhouse-http.md").read_text("utf-8").partition("## Views")[2].partition("\n## ")[0]
    assert made == set(re.findall(r"`(v_\w+)`", page))


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{name(path)} → {target}"
        for path in FILES
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not broken


def test_continuous_integration_runs_make_test() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")
