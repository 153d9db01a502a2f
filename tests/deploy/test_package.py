"""The package as pip builds it from a clone: all that a process needs far from the sources."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("schemas", "collector", "eventlog", "consumers", "netiv")


def test_a_wheel_holds_code_sql_rules_and_the_built_sdk(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("netiv-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
    kinds = (".py", ".sql", ".yaml", ".csv")
    sources = {
        str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in kinds
    }
    built = {
        f"collector/sdk/{path.relative_to(ROOT / 'sdk_js' / 'dist')}"
        for path in (ROOT / "sdk_js" / "dist").rglob("*")
        if path.is_file()
    }
    assert "collector/sdk/netiv.js" in built
    assert packed == sources | built
    assert licences == {"LICENSE", "NOTICE"}
