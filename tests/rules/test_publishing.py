"""`netiv rules` from the outside: a folder of one changed file, tried, published, in force."""

import json
import os
import subprocess
import sys

from consumers.rules.files import SHIPPED, load


def netiv(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "netiv", "rules", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(SHIPPED.parents[1])},
    )  # fmt: skip


def test_check_diff_publish(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "sessions.yaml").write_text("version: 2\ngap_minutes: 0\n")
    wrong = netiv(tmp_path, "check", "own")
    assert (wrong.returncode, wrong.stdout.splitlines()[0]) == (1, "sessions.yaml:2: gap_minutes must be more than 0")
    refused = netiv(tmp_path, "publish", "own")
    assert refused.returncode == 1
    assert not (tmp_path / "data" / "rules").exists()
    (own / "sessions.yaml").write_text("version: 2\ngap_minutes: 20\n")
    assert netiv(tmp_path, "check", "own").returncode == 0
    tried = netiv(tmp_path, "diff", "own", "--json")
    assert json.loads(tried.stdout) == {"moved": 0, "channels": []}, tried.stderr
    done = netiv(tmp_path, "publish", "own")
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "data" / "rules").sessions.gap_minutes == 20
    assert [path.name for path in (tmp_path / "data" / "rules").iterdir()] == ["sessions.yaml"]
    assert netiv(tmp_path, "check", "nowhere").returncode == 2
