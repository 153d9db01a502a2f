"""Every command explains itself, quickly, with an example; wrong usage is exit 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from simulation.stack import environment, run

from tests.cli.commands import COMMANDS, options_of


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_teaches_by_example(name: str) -> None:
    assert f"  netiv {name}" in COMMANDS[name].help


@pytest.mark.parametrize("command", [[], ["up"], ["report", "paths"]], ids=" ".join)
def test_help_is_shown(tmp_path: Path, command: list[str]) -> None:
    done = run(tmp_path, *command, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "netiv " + " ".join(command) in done.stdout.replace("python -m netiv", "Usage")


def test_whatever_prints_data_prints_json() -> None:
    doing = [name for name, command in COMMANDS.items() if not hasattr(command, "commands")]
    without = {name for name in doing if "--json" not in options_of(name)}
    assert without == {"collector", "consumers", "dev kafka"}  # they run until they are stopped


def test_version(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("netiv ")


@pytest.mark.parametrize(
    "wrong", [["nothing"], ["up", "--nothing"], ["up", "--port", "x"], ["sites", "add"], ["wait", "--timeout", "soon"]]
)
def test_wrong_usage_is_exit_2_without_a_traceback(tmp_path: Path, wrong: list[str]) -> None:
    done = run(tmp_path, *wrong)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


def modules_after(tmp_path: Path, statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = modules_after(tmp_path, "import netiv.main")
    assert not loaded & {"chdb", "fastapi", "uvicorn", "pydantic", "clickhouse_connect", "rich", "msgspec", "asyncio"}


def test_the_collector_never_loads_the_engine(tmp_path: Path) -> None:
    loaded = modules_after(tmp_path, "import netiv.main, netiv.commands.collector, collector.server, collector.app")
    assert "collector.app" in loaded
    assert not loaded & {"chdb", "clickhouse_connect", "pandas", "pyarrow", "consumers"}
