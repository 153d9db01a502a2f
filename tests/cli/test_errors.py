"""Expected errors: what happened and how to fix it, exit 1 (or 2), never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.stack import environment, run

from netiv import lock


def refused(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert "Error:" in done.stderr
    assert "Fix:" in done.stderr
    return done.stderr


@pytest.mark.parametrize("option", ["--port", "--clickhouse-port"])
def test_a_port_in_use_is_named_with_its_option(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = "--clickhouse-port" if option == "--port" else "--port"
        text = refused(run(tmp_path, "up", option, str(port), other, "0"))
    assert f"Port {port} on 127.0.0.1 is already in use" in text
    assert option in text


@pytest.mark.parametrize("command", [("up", "--port", "0"), ("consumers",)])
def test_a_clickhouse_user_needs_a_password(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "netiv.toml").write_text('clickhouse_user = "bi"\n', encoding="utf-8")
    text = refused(run(tmp_path, *command, "--host", "0.0.0.0", "--clickhouse-port", "0"), 2)
    assert "'bi' has no password" in text
    assert "NETIV_CLICKHOUSE_PASSWORD" in text


def test_the_collector_alone_says_so_too(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        text = refused(run(tmp_path, "collector", "--port", str(taken.getsockname()[1])))
    assert "already in use" in text


def test_a_second_stack_on_one_folder_names_the_first(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "data", "up"):
        text = refused(run(tmp_path, "up", "--port", "0", "--clickhouse-port", "0"))
    assert f"pid {os.getpid()}" in text
    assert "--data" in text


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom netiv import lock\n"
        "with lock.hold(pathlib.Path(sys.argv[1]), 'up'):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    assert lock.holder(tmp_path, "up") == holder.pid
    holder.kill()
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    assert lock.holder(tmp_path, "up") is None
    with lock.hold(tmp_path, "up"):
        assert lock.holder(tmp_path, "up") == os.getpid()


@pytest.mark.parametrize("command", [["up", "--port", "0", "--clickhouse-port", "0"], ["consumers"], ["migrate"]])
def test_without_the_engine_the_extra_is_named(tmp_path: Path, command: list[str]) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'chdb':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        f"sys.argv = ['netiv', *{command!r}]\n"
        "from netiv.main import run\nrun()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "netiv[embedded]" in refused(done)


def test_a_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "netiv.toml").write_text("port = = 3\n")
    text = refused(run(tmp_path, "sites", "list"))
    assert "netiv.toml" in text
    assert "line 1" in text


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    assert "port" in refused(run(tmp_path, "sites", "list", NETIV_PORT="eighty"), 2)
    assert "trusted_proxies" in refused(run(tmp_path, "sites", "list", NETIV_TRUSTED_PROXIES="10.0.0.0/8"), 1)


@pytest.mark.parametrize("command", [["wait"], ["demo"], ["report", "paths"]])
def test_nothing_running_is_said(tmp_path: Path, command: list[str]) -> None:
    with socket.socket() as free:  # bound, not listening: nobody answers there
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        text = refused(run(tmp_path, *command, NETIV_URL=f"http://127.0.0.1:{port}", NETIV_CLICKHOUSE_PORT=port))
    assert "netiv up" in text


def test_the_doctor_fails_with_fixes_when_nothing_runs(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        done = run(tmp_path, "doctor", NETIV_URL=f"http://127.0.0.1:{port}", NETIV_CLICKHOUSE_PORT=port)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "fail" in done.stdout
    assert "fix: " in done.stdout


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "not a folder" in refused(run(tmp_path, "up", "--port", "0", "--clickhouse-port", "0"))
