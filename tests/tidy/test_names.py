"""What the pages name exists: settings, metrics, views, names of the code, commands and their options, what is made or run, files."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from collector.metrics import CATALOGUE, SECONDS_NAME
from consumers.metrics import CATALOGUE as CONSUMER_CATALOGUE
from schemas.settings import Settings
from tests.cli.commands import COMMANDS, options_of
from tests.tidy.tree import FILES, ROOT, name

PAGES = [name(path) for path in FILES if path.suffix == ".md"]
SETTINGS = {f"NETIV_{field.upper()}" for field in Settings.model_fields}
CATALOGUES = [*CATALOGUE, *CONSUMER_CATALOGUE]
METRICS = {SECONDS_NAME, *(metric.name + suffix for metric in CATALOGUES for suffix in ("", "_total"))}
CODE_TEXT = "".join(
    path.read_text("utf-8")
    for path in FILES
    if path.suffix in {".py", ".sql", ".ts", ".mjs", ".yaml", ".yml", ".toml", ".xml", ".conf"}
)
WORDS = set(re.findall(r"\w+", CODE_TEXT))
# In a reader's folder, or at an address.
THEIRS = {"netiv.toml", "sites.json", "FILE.rejected.csv", "/openapi.json", "/v1/schema.json", "dist/manifest.json"}
WITH_SUFFIX = r"`([\w./-]+\.(?:py|sql|md|ya?ml|toml|json|service|ts|csv|conf|inc|xml))`"


def named(pattern: str, page: str) -> set[str]:
    return set(re.findall(pattern, (ROOT / page).read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_settings_and_metrics_exist(page: str) -> None:
    assert named(r"\bNETIV_[A-Z_]+[A-Z]\b", page) <= SETTINGS
    assert named(r"`(netiv_[a-z_]+)(?:\{[^`]*)?`", page) <= METRICS


@pytest.mark.parametrize("page", PAGES)
def test_views_and_names_of_the_code_exist(page: str) -> None:
    assert named(r"\bv_[a-z_]+[a-z]\b", page) <= set(re.findall(r"VIEW (v_\w+)", CODE_TEXT))
    assert named(r"`([a-z]+(?:_[a-z]+)+)`", page) - METRICS <= WORDS
    assert named(r"`(?!OTEL_)([A-Z]+(?:_[A-Z]+)+)`", page) - SETTINGS <= WORDS


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for line in re.findall(r"(?:^ {4}|[`\n(])(?:NETIV_\w+=\S+ )*netiv ([a-z][^`\n]*)", text):
        words = line.split()
        command = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), None)
        assert command, line
        options = set(re.findall(r"(?:^|[ \[])(--[a-z][a-z-]+)", line.partition("  ")[0]))
        assert options <= options_of(command), line


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_or_run_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert named(r"(?:`|^)make ([a-z-]+)", page) <= targets
    assert [
        module for module in named(r"python -m ((?:bench|collector|consumers)[\w.]+)", page) if not find_spec(module)
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_exist(page: str) -> None:
    known = [f"/{name(path)}" for path in FILES]
    missing = {
        one
        for one in named(WITH_SUFFIX, page) | named(r"`((?:[a-z_]+/)+)`", page)
        if not (ROOT / one).exists() and not any(path.endswith(f"/{one}") for path in known)
    }
    assert missing <= THEIRS
