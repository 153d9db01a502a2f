"""Sites: keys shown once and kept as hashes, idempotent additions, rotation, many writers at once."""

from __future__ import annotations

import json
import stat
import threading
from functools import partial
from pathlib import Path

import pytest
from simulation.stack import run

from netiv import checks, sites_file
from netiv.errors import CommandError
from netiv.sites_change import Wanted, add, find, key_of, rotate
from schemas.settings import Settings
from schemas.sites import Sites, hash_key, index, parse


def sites(folder: Path) -> Sites:
    return parse((folder / "data" / "sites.json").read_bytes())


def test_keys_are_shown_once_and_kept_as_hashes(tmp_path: Path) -> None:
    made = json.loads(run(tmp_path, "sites", "add", "shop", "--json").stdout)
    assert len(made["write_key"]) == len(made["secret_key"]) == 35
    path = tmp_path / "data" / "sites.json"
    content = path.read_text()
    assert made["write_key"] not in content
    assert made["secret_key"] not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    grants = index(sites(tmp_path))
    assert not grants[hash_key(made["write_key"])].secret
    assert grants[hash_key(made["secret_key"])].secret
    listed = run(tmp_path, "sites", "list").stdout
    assert made["write_key"][-4:] in listed
    assert made["write_key"] not in listed


def test_adding_the_same_twice_changes_nothing(tmp_path: Path) -> None:
    command = [
        "sites",
        "add",
        "shop",
        "--write-key",
        "wk_given_12345",
        "--secret-key",
        "sk_given_12345",
        "--alias",
        "G-ABC",
    ]
    assert run(tmp_path, *command).returncode == 0
    before = (tmp_path / "data" / "sites.json").read_bytes()
    assert run(tmp_path, *command).returncode == 0
    assert (tmp_path / "data" / "sites.json").read_bytes() == before


def test_what_is_said_of_a_site_that_is_there_or_is_not(tmp_path: Path) -> None:
    refused = run(tmp_path, "sites", "add", "shop", "--update", "--alias", "G-ABC")
    assert refused.returncode == 1
    assert "There is no site shop." in refused.stderr
    assert not (tmp_path / "data").exists()
    assert "exists already" not in run(tmp_path, "sites", "add", "shop").stdout
    again = run(tmp_path, "sites", "add", "shop")
    assert again.returncode == 0
    assert "It exists already; nothing was changed." in again.stdout
    assert "netiv sites rotate shop" in again.stdout
    assert "exists already" not in run(tmp_path, "sites", "add", "shop", "--update", "--alias", "G-ABC").stdout


def test_the_doctor_leaves_out_sites_that_an_alias_opens(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    wanted = [
        Wanted("demo-shop", aliases=["netiv-demo-shop"]),
        Wanted("shop", write_key="wk_shop_123"),
        Wanted("closed"),
    ]
    for one in wanted:
        sites_file.edit(settings.sites_file, partial(add, wanted=one, now_ms=0))
    told = [finding.detail for finding in checks.run(settings) if (finding.check, finding.state) == ("sites", "warn")]
    assert told == ["closed has no key that is good"]


def test_changing_a_site_needs_update(tmp_path: Path) -> None:
    run(tmp_path, "sites", "add", "shop")
    refused = run(tmp_path, "sites", "add", "shop", "--origin", "https://shop.example")
    assert refused.returncode == 1
    assert "--update" in refused.stderr
    assert run(tmp_path, "sites", "add", "shop", "--origin", "https://shop.example", "--update").returncode == 0
    (site,) = sites(tmp_path).sites
    assert site.origins == ["https://shop.example"]
    assert len(site.write_keys) == 1


def test_domains_are_kept_as_referrers_have_them(tmp_path: Path) -> None:
    done = run(tmp_path, "sites", "add", "shop", "--domain", "Shop.example", "--domain", "חנות.example")
    assert [site.domains for site in sites(tmp_path).sites] == [["shop.example", "xn--9dbd1a4b.example"]]
    assert "netiv rebuild" in done.stderr
    for wrong in ("https://shop.example", "shop.example/", "a b", "x@y", ""):
        refused = run(tmp_path, "sites", "add", "shop", "--update", "--domain", wrong)
        assert (refused.returncode, "is not a domain" in refused.stderr) == (2, True), wrong


def test_raw_contacts_are_switched_on_and_off(tmp_path: Path) -> None:
    assert run(tmp_path, "sites", "add", "shop").returncode == 0
    assert not sites(tmp_path).sites[0].raw_contacts
    for switch, on in (("--raw-contacts", True), ("--no-raw-contacts", False)):
        assert run(tmp_path, "sites", "add", "shop", "--update", switch).returncode == 0
        assert sites(tmp_path).sites[0].raw_contacts is on


def test_the_country_of_phone_numbers(tmp_path: Path) -> None:
    assert run(tmp_path, "sites", "add", "shop").returncode == 0
    assert sites(tmp_path).sites[0].phone_region == "IL"
    assert run(tmp_path, "sites", "add", "shop", "--update", "--phone-region", "GB").returncode == 0
    assert json.loads(run(tmp_path, "sites", "list", "--json").stdout)[0]["phone_region"] == "GB"


def test_rotation_ends_the_old_keys_in_time(tmp_path: Path) -> None:
    old = json.loads(run(tmp_path, "sites", "add", "shop", "--json").stdout)
    new = json.loads(run(tmp_path, "sites", "rotate", "shop", "--write", "--keep-old-for", "7d", "--json").stdout)
    assert set(new) == {"site", "write_key"}
    (site,) = sites(tmp_path).sites
    ends_at = site.write_keys[0].revoked_at
    assert ends_at is not None
    assert ends_at - site.write_keys[1].created_at == 7 * 86_400_000
    for now, good in ((ends_at - 1, True), (ends_at, False)):
        assert (hash_key(old["write_key"]) in index(sites(tmp_path), now)) is good
        assert hash_key(new["write_key"]) in index(sites(tmp_path), now)
    assert hash_key(old["secret_key"]) in index(sites(tmp_path), ends_at)


def test_rotating_never_prolongs_a_key() -> None:
    first = key_of("wk_first_1", 0)
    keys = rotate([first], key_of("wk_second", 10), revoke_at=10)
    keys = rotate(keys, key_of("wk_third_", 20), revoke_at=1_000)
    assert [key.revoked_at for key in keys] == [10, 1_000, None]


def test_rotating_an_unknown_site(tmp_path: Path) -> None:
    done = run(tmp_path, "sites", "rotate", "shop")
    assert done.returncode == 1
    assert "netiv sites list" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        Wanted("a b"),
        Wanted(""),
        Wanted("shop", origins=["shop.example"]),
        Wanted("shop", origins=["https://shop.example/path"]),
        Wanted("shop", timezone="Mars/Olympus"),
        Wanted("shop", currency="shekel"),
        Wanted("shop", phone_region="UK"),
        Wanted("shop", write_key="same_key_1", secret_key="same_key_1"),
    ],
)
def test_wrong_wishes_are_refused(wrong: Wanted) -> None:
    with pytest.raises(CommandError) as refusal:
        add(Sites(), wrong, 0)
    assert refusal.value.code == 2
    assert refusal.value.hint


def test_a_key_opens_one_site_one_way() -> None:
    sites = add(Sites(), Wanted("shop", "wk_shop_123", "sk_shop_123", aliases=["G-1"]), 0)
    for theft in (
        Wanted("other", write_key="wk_shop_123"),
        Wanted("other", aliases=["wk_shop_123"]),
        Wanted("other", write_key="G-1"),
        Wanted("other", secret_key="wk_shop_123"),
        Wanted("shop", write_key="sk_shop_123"),
    ):
        with pytest.raises(CommandError, match="already in use"):
            add(sites, theft, 0, update=True)


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data" / "sites.json"
    seen: list[int] = []
    reading = threading.Event()

    def write(number: int) -> None:
        for turn in range(5):
            wanted = Wanted(f"site-{number}-{turn}")
            sites_file.edit(path, partial(add, wanted=wanted, now_ms=0))

    def read() -> None:
        while not reading.is_set():
            seen.append(len(sites_file.read(path).sites))  # raises on half a file

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    reader = threading.Thread(target=read)
    reader.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reading.set()
    reader.join()
    assert len(sites_file.read(path).sites) == 40
    assert seen == sorted(seen)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".sites.json.lock", "sites.json"]


def test_a_failed_change_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sites.json"
    before = sites_file.edit(path, lambda sites: add(sites, Wanted("shop", "wk_shop_123"), 0))
    with pytest.raises(CommandError):
        sites_file.edit(path, lambda sites: add(sites, Wanted("other", "wk_shop_123"), 0))
    assert sites_file.read(path) == before
    assert find(before, "shop") is not None
    path.write_text('{"sites": [{"name": 3}]}')
    with pytest.raises(CommandError, match=r"sites\[0\]"):
        sites_file.read(path)
