"""The jars of Apache Kafka, taken as ordinary Maven artifacts by the pom under tests/kafka; or of another pom. Fetched once, then
kept beside the pom."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Final

from netiv.errors import CommandError

FOLDER: Final = Path(__file__).parents[2] / "tests" / "kafka"
FETCH_S: Final = 600.0


def jars(folder: Path = FOLDER) -> Path:
    """The folder of the jars; fetches them when they aren't there, or when the pom is newer. Raises `CommandError`."""
    pom, kept = folder / "pom.xml", folder / ".jars"
    if not pom.exists():
        raise CommandError("The pom of the jars is not here.", "This command runs from a checkout of Netiv's sources.")
    with (folder / ".jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes at once
        complete = kept / ".complete"
        if not complete.exists() or complete.stat().st_mtime < pom.stat().st_mtime:
            _fetch(pom, kept)
            complete.touch()
    return kept


def _fetch(pom: Path, kept: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise CommandError("Maven is not installed.", "Install it (apt-get install maven), or set NETIV_TEST_KAFKA.")
    shutil.rmtree(kept, ignore_errors=True)
    command = [
        maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime",
        f"-DoutputDirectory={kept}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False)  # noqa: S603
    if done.returncode:
        raise CommandError(f"Maven could not fetch the jars of {pom}.", (done.stdout + done.stderr).strip()[-2_000:])
