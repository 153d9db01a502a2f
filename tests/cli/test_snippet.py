"""The tags that `netiv sites` prints: of the build that the collector serves, with the hash of that very file."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from simulation.stack import run

from collector.sdk_files import SdkFiles
from netiv.snippet import built, sdk_folder, tags


def test_a_new_site_gets_a_tag_pinned_to_the_file_that_is_served(tmp_path: Path) -> None:
    said = run(tmp_path, "sites", "add", "shop", NETIV_URL="https://c.example", NETIV_ALIAS="/n").stdout
    assert re.search(r'<script async src="https://c\.example/netiv\.js" data-key="wk_\w+"></script>', said)
    assert re.search(r'<script async src="https://c\.example/n/s\.js" data-key="wk_\w+"></script>', said)
    found = re.search(
        r'src="https://c\.example/(netiv\.[0-9a-f]+\.js)" integrity="sha384-([^"]+)" crossorigin="anonymous"', said
    )
    assert found, said
    served = SdkFiles(sdk_folder()).answer(found[1], b"")
    assert served.status == 200
    assert base64.b64encode(hashlib.sha384(served.body).digest()).decode() == found[2]
    assert f"{found[1]}  sha384-{found[2]}" in run(tmp_path, "sites", "list").stdout


def test_without_a_build_the_plain_tag_is_left(tmp_path: Path) -> None:
    assert built(tmp_path) is None
    assert [tag for _, tag in tags("https://c.example", "", None)] == [
        '<script async src="https://c.example/netiv.js" data-key="YOUR_WRITE_KEY"></script>'
    ]
