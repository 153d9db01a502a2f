"""`netiv rules` from the outside: a folder of one changed file, tried, published, in force."""

import json
import os
import subprocess
import sys

from consumers.rules.files import SHIPPED, load


def netiv(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "netiv", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SHIPPED.parents[1])},
    )  # fmt: skip


def test_check_diff_publish(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "sessions.yaml").write_text("version: 2\ngap_minutes: 0\n")
    wrong = netiv(tmp_path, "rules", "check", "own")
    assert (wrong.returncode, wrong.stdout.splitlines()[0]) == (1, "sessions.yaml:2: gap_minutes must be more than 0")
    refused = netiv(tmp_path, "rules", "publish", "own")
    assert refused.returncode == 1
    assert not (tmp_path / "data" / "rules").exists()
    (own / "sessions.yaml").write_text("version: 2\ngap_minutes: 20\n")
    assert netiv(tmp_path, "rules", "check", "own").returncode == 0
    assert "There is no warehouse in data." in netiv(tmp_path, "rules", "diff", "own").stderr
    assert not (tmp_path / "data").exists()
    prepared = netiv(tmp_path, "rules", "publish", "own")
    assert prepared.returncode == 0, prepared.stderr
    assert "re-derived" not in prepared.stdout, "there is nothing to derive before the first start"
    assert load(tmp_path / "data" / "rules").sessions.gap_minutes == 20
    again = netiv(tmp_path, "rules", "publish", "own", "--json")
    assert json.loads(again.stdout) == {"folder": "data/rules", "visitors": None}, again.stderr
    assert not (tmp_path / "data" / "warehouse").exists()

    migrated = netiv(tmp_path, "migrate", "--json")
    assert json.loads(migrated.stdout)["applied"], migrated.stderr
    assert "to compare" in netiv(tmp_path, "rules", "diff", "own").stdout
    tried = netiv(tmp_path, "rules", "diff", "own", "--json")
    assert json.loads(tried.stdout) == {"moved": 0, "channels": []}, tried.stderr
    (own / "sessions.yaml").write_text("version: 2\ngap_minutes: 25\n")
    done = netiv(tmp_path, "rules", "publish", "own")
    assert done.returncode == 0, done.stderr
    assert "re-derived" in done.stdout
    assert load(tmp_path / "data" / "rules").sessions.gap_minutes == 25
    again = netiv(tmp_path, "rules", "publish", "own", "--json")
    assert json.loads(again.stdout) == {"folder": "data/rules", "visitors": 0, "set_aside": 0}, again.stderr
    assert [path.name for path in (tmp_path / "data" / "rules").iterdir()] == ["sessions.yaml"]
    assert netiv(tmp_path, "rules", "check", "nowhere").returncode == 2
    # without a stack, the work is done by the command: its log lines are no part of what it prints
    erased = netiv(tmp_path, "erase", "user_id:dana", "--site", "shop", "--yes", "--json")
    assert (erased.returncode, erased.stdout) == (1, "")
    assert "There is no site shop." in erased.stderr
    assert netiv(tmp_path, "sites", "add", "shop").returncode == 0
    erased = netiv(tmp_path, "erase", "user_id:dana", "--site", "shop", "--yes", "--json")
    assert json.loads(erased.stdout) == {"count": 0}
    assert "nothing to erase" in erased.stderr
    beyond = netiv(tmp_path, "replay", "--from-offset", "0:9")
    assert "Partition 0 of the log ends at 0." in beyond.stderr


def test_a_folder_without_rule_files_is_refused(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "README.md").write_text("")
    for command in ("check", "diff", "publish"):
        refused = netiv(tmp_path, "rules", command, "own")
        assert refused.returncode == 2
        assert "channels.yaml, sessions.yaml" in refused.stderr
