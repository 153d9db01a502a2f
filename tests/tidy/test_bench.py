"""The ceiling that catching up is measured against is of today's table and rows."""

from __future__ import annotations

import subprocess
import sys

from tests.tidy.tree import ROOT


def test_the_ceiling_of_catching_up_takes_the_rows_of_today() -> None:
    code = "from bench.catchup import bare_insert; print(bare_insert(500))"  # one engine a process
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
