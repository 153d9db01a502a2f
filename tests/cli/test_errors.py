"""Expected errors: what happened and how to fix it, exit 1 (or 2), never a traceback."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.stack import environment, run

from consumers.identity.requests import QUARANTINE_RULES
from netiv import configuration, lock
from schemas.settings import Settings
from tests.cli.commands import options_of


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


def test_kafka_without_its_client_ends_the_collector(tmp_path: Path) -> None:
    """Brokers that are away come back, and the spool takes events meanwhile; what is not installed never comes."""
    code = "import sys\nsys.modules['aiokafka'] = None\nfrom netiv.main import run\nrun()"
    done = subprocess.run(
        [sys.executable, "-c", code, "collector", "--port", "0"],
        cwd=tmp_path,
        env=environment(tmp_path, NETIV_KAFKA="127.0.0.1:1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "netiv[kafka]" in refused(done)


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
    assert set(re.findall(r"--[a-z-]+", done.stdout)) <= options_of("doctor")


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "not a folder" in refused(run(tmp_path, "up", "--port", "0", "--clickhouse-port", "0"))


# --- commands that work on what `netiv up` made


@pytest.mark.parametrize(
    "command",
    [["erase", "user_id:dana", "--site", "default", "--yes"], ["unlink", "user_id:dana", "--site", "default"], ["rebuild"],
     ["rebuild", "--since", "2026-01-01"], ["replay", "--from-offset", "0:0"]],
    ids=lambda command: " ".join(command[:2]),
)  # fmt: skip
def test_where_there_is_no_warehouse_none_is_made(tmp_path: Path, command: list[str]) -> None:
    text = refused(run(tmp_path, *command))
    assert f"There is no warehouse in {tmp_path / 'data'}." in text
    assert "--data" in text
    assert not (tmp_path / "data").exists()


def test_a_rule_that_quarantines_nothing_is_refused(tmp_path: Path) -> None:
    text = refused(run(tmp_path, "unlink", "--site", "shop", "--rule", "foo"), 2)
    assert "shared, limit, group, blocked, alias" in text
    derive = Path(__file__).parents[2] / "schemas" / "clickhouse" / "derive"
    steps = "".join(path.read_text("utf-8") for path in derive.glob("19_identity_*.sql"))
    assert all(f"'{rule}'" in steps for rule in QUARANTINE_RULES)


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--currency", "EUR"], "--currency needs a model."), (["--by", "x", "--lookback", "1d"], "--by, --lookback need a model."),
     (["--position", "40,20,40", "--half-life", "1d"], "--half-life, --position need a model.")],
)  # fmt: skip
def test_options_of_models_need_one(tmp_path: Path, options: list[str], told: str) -> None:
    text = refused(run(tmp_path, "report", "attribution", *options), 2)
    assert told in text
    assert "--model linear" in text


def test_an_option_of_one_model_says_which(tmp_path: Path) -> None:
    assert "no position weights" in refused(run(tmp_path, "report", "attribution", "--position", "none"), 2)
    assert "needs a model" not in run(tmp_path, "report", "attribution", "--half-life", "1d").stderr


# --- names that are misspelled


def test_an_unknown_name_in_the_toml_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "netiv.toml").write_text("prot = 1\n")
    text = refused(run(tmp_path, "sites", "list"), 2)
    assert "netiv.toml names prot" in text
    assert "Did you mean port?" in text


def test_a_variable_that_is_no_setting_is_told_by_the_doctor(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        # the last two are read elsewhere: by `netiv import`; of a Kubernetes service called netiv-collector
        others = {"NETIV_SECRET_KEY": "sk_x", "NETIV_COLLECTOR_PORT": "tcp://10.0.0.1:8080"}
        done = run(tmp_path, "doctor", "--json", NETIV_PORT=port, NETIV_CLICKHOUSE_PORT=port, NETIV_PRT="5", **others)
    findings = json.loads(done.stdout)
    strange = [one for one in findings if one["check"] == "configuration" and one["state"] == "warn"]
    assert [one["detail"] for one in strange] == ["NETIV_PRT is set and is no setting"]
    assert "NETIV_PORT" in strange[0]["fix"]
    assert port in next(one["detail"] for one in findings if one["check"] == "collector")


def test_the_doctor_names_kafka_once(tmp_path: Path) -> None:
    nowhere = {"NETIV_KAFKA": "127.0.0.1:1", "NETIV_PORT": "1", "NETIV_CLICKHOUSE_PORT": "1"}
    findings = json.loads(run(tmp_path, "doctor", "--json", **nowhere).stdout)
    (log,) = [one for one in findings if one["check"] == "log"]
    assert log["detail"].count("Kafka: ") == 1


def test_an_alias_begins_with_a_slash(tmp_path: Path) -> None:
    assert "begins with a slash: /n" in refused(run(tmp_path, "sites", "list", NETIV_ALIAS="n"), 2)


# --- where a stack is found


@pytest.mark.parametrize("how", ["toml", "variable"])
def test_commands_look_at_the_port_of_the_settings(tmp_path: Path, how: str) -> None:
    extra: dict[str, str] = {}
    if how == "toml":
        (tmp_path / "netiv.toml").write_text("port = 18690\n")
    else:
        extra["NETIV_PORT"] = "18690"
    made = run(tmp_path, "sites", "add", "shop", **extra).stdout
    assert 'src="http://127.0.0.1:18690/netiv.js"' in made
    link = run(tmp_path, "links", "add", "https://a.example/", "--site", "shop", "--name", "x", **extra).stdout
    assert "http://127.0.0.1:18690/r/x" in link
    link = run(
        tmp_path, "links", "add", "https://a.example/", "--site", "shop", NETIV_URL="https://c.example/", **extra
    )
    assert "https://c.example/r/" in link.stdout
    assert "Nothing answers at http://127.0.0.1:18690" in refused(run(tmp_path, "wait", **extra))


def test_options_of_up_are_told_to_other_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert configuration.variables_for_others(Settings()) == ""
    moved = Settings(port=18690, data=tmp_path / "my data")
    assert configuration.variables_for_others(moved) == f"NETIV_PORT=18690 NETIV_DATA='{tmp_path}/my data'"


# --- places that are no folders


@pytest.mark.parametrize(
    "command", [["sites", "add", "q"], ["sites", "list"], ["links", "list"], ["webhooks", "list"], ["up"]], ids=" ".join
)
def test_data_that_is_a_file_or_below_one(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "afile").write_text("")
    for place in ("afile", "afile/below"):
        assert "afile is not a folder." in refused(run(tmp_path, *command, "--data", place))


def test_the_doctor_too_says_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("")
    findings = json.loads(run(tmp_path, "doctor", "--json", "--data", "afile/below").stdout)
    told = {one["detail"] for one in findings if one["check"] in ("sites", "data folder")}
    assert told == {"afile is not a folder."}


@pytest.mark.parametrize("command", [["up"], ["sites", "add", "q"]], ids=" ".join)
def test_a_folder_that_no_one_can_make(tmp_path: Path, command: list[str]) -> None:
    assert "The folder /proc/x can't be made" in refused(run(tmp_path, *command, "--data", "/proc/x"))


# --- replay


@pytest.mark.parametrize(
    ("patch", "told"),
    [('{"a":1}', "A patch is a list of operations"), ("nowhere.json", "The patch nowhere.json can't be read"), ("[1]", "no list of operations")],
)  # fmt: skip
def test_what_is_no_patch(tmp_path: Path, patch: str, told: str) -> None:
    text = refused(run(tmp_path, "replay", "--where", "1", "--patch", patch), 2)
    assert told in text
    assert "or the name of a file" in text
