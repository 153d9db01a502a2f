"""The host data: made by the script, ours before the package's."""

from consumers.rules.build_referrers import as_csv, merged, own
from consumers.rules.files import SHIPPED, Referrer, load


def test_ours_win_and_the_package_fills_the_rest():
    package = {
        "www.google.de": {"medium": "search", "source": "Google"},
        "reddit.com": {"medium": "social", "source": "Reddit"},
        "orange.fr/webmail": {"medium": "email", "source": "Orange"},
        "accounts.google.com": {"medium": "unknown", "source": "Google"},
        "reddit.de": {"medium": "search", "source": "A family of ours is something else"},
        "metager.de": {"medium": "search", "source": "MetaGer"},
    }
    rows = merged(
        package,
        [
            Referrer("google.*", "google", "search"),
            Referrer("reddit.com", "reddit", "community"),
            Referrer("reddit.*", "reddit", "community"),
        ],
    )
    assert {row.host: (row.source, row.category) for row in rows} == {
        "google.*": ("google", "search"),
        "google.de": ("google", "search"),
        "reddit.com": ("reddit", "community"),
        "reddit.*": ("reddit", "community"),
        "metager.de": ("metager", "search"),
    }


def test_the_shipped_file_holds_our_rows_and_each_host_once():
    shipped = load().referrers
    assert {(r.host, r.source, r.category) for r in own()} <= {(r.host, r.source, r.category) for r in shipped}
    assert len({row.host for row in shipped}) == len(shipped) > 1500
    assert (SHIPPED / "referrers.csv").read_text("utf-8") == as_csv(shipped)
