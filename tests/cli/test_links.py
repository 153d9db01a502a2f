"""`netiv links` and `netiv webhooks`: what they write is what the collector reads."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from simulation.stack import run

from consumers.rules.files import SHIPPED
from schemas.links import parse, sign
from schemas.sites import hash_key
from schemas.webhooks import parse as parse_webhooks


def shop(folder: Path) -> None:
    assert run(folder, "sites", "add", "shop").returncode == 0


def test_a_link_is_kept_with_its_touch(tmp_path: Path) -> None:
    shop(tmp_path)
    done = run(
        tmp_path,
        "links",
        "add",
        "https://shop.example/א",
        "--site",
        "shop",
        "--name",
        "qr",
        "--kind",
        "scan",
        "--channel",
        "QR & Print",
        "--json",
    )
    assert json.loads(done.stdout)["address"].endswith("/r/qr")
    (link,) = parse((tmp_path / "data" / "links.json").read_bytes()).links
    assert (link.name, link.site, link.touch) == ("qr", "shop", {"kind": "scan", "channel": "QR & Print"})
    assert json.loads(run(tmp_path, "links", "list", "--json").stdout)[0]["name"] == "qr"
    assert run(tmp_path, "links", "add", "https://shop.example/", "--site", "shop", "--name", "qr").returncode == 1


def test_what_nobody_will_understand_is_told_when_the_link_is_made(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "data" / "rules").mkdir()
    rules = (SHIPPED / "channels.yaml").read_text("utf-8").replace("channel: Phone", "channel: Hotline")
    (tmp_path / "data" / "rules" / "channels.yaml").write_text(rules, "utf-8")

    def told(*touch: str) -> str:
        made = run(tmp_path, "links", "add", "https://a.example/", "--site", "shop", *touch)
        assert made.returncode == 0
        key = ("--secret-key", "sk_mine_12345678")
        assert run(tmp_path, "links", "sign", "https://a.example/", *key, *touch).stderr == made.stderr
        return made.stderr

    assert told("--kind", "scan", "--channel", "QR & Print") == told("--channel", "Hotline") == ""
    assert "Did you mean Email?" in told("--channel", "email")
    assert "Phone is no channel of the rules here" in told("--channel", "Phone")
    assert "Did you mean scan?" in told("--kind", "sacn")


def test_what_is_no_link_is_refused(tmp_path: Path) -> None:
    shop(tmp_path)
    assert run(tmp_path, "links", "add", "javascript:alert(1)", "--site", "shop").returncode == 2
    assert run(tmp_path, "links", "add", "https://a.example", "--site", "shop", "--name", "../x").returncode == 2
    assert run(tmp_path, "links", "add", "https://a.example", "--site", "nowhere").returncode == 1
    assert not (tmp_path / "data" / "links.json").exists()


def test_a_signed_link_is_signed_as_the_collector_checks(tmp_path: Path) -> None:
    done = run(
        tmp_path, "links", "sign", "https://a.example/?b=1&c=2", "--secret-key", "sk_mine_12345678", "--source", "דנה"
    )
    query, _, signature = urlsplit(done.stdout.strip()).query.rpartition("&s=")
    assert parse_qs(query) == {"u": ["https://a.example/?b=1&c=2"], "source": ["דנה"]}
    assert signature == sign(query, hash_key("sk_mine_12345678"))
    told = ("https://a.example/?b=1&c=2", "--secret-key", "sk_mine_12345678", "--source", "דנה", "--json")
    assert json.loads(run(tmp_path, "links", "sign", *told).stdout)["address"] == done.stdout.strip()


def test_a_webhook_is_kept_with_its_secret(tmp_path: Path) -> None:
    shop(tmp_path)
    (tmp_path / "crm.json").write_text(json.dumps({"type": {"const": "conversion"}, "email": "/mail"}))
    done = run(
        tmp_path, "webhooks", "add", "crm", "--site", "shop", "--mapping", "crm.json", "--entries", "/data", "--json"
    )
    secret = json.loads(done.stdout)["secret"]
    path = tmp_path / "data" / "webhooks.json"
    (webhook,) = parse_webhooks(path.read_bytes()).webhooks
    assert (webhook.secret, webhook.entries, webhook.mapping["email"]) == (secret, "/data", "/mail")
    assert path.stat().st_mode & 0o077 == 0
    assert secret not in run(tmp_path, "webhooks", "list", "--json").stdout
    assert run(tmp_path, "webhooks", "add", "other", "--site", "shop").returncode == 2
