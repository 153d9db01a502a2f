"""`netiv rules check`: each mistake is told with its line, in plain words; the shipped rules have none."""

import shutil

import pytest

from consumers.rules.check import check
from consumers.rules.files import SHIPPED, load


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(SHIPPED, tmp_path / "rules")


def test_the_shipped_rules_are_in_order():
    assert check(SHIPPED) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("channels.yaml", "node: live, when: [{kind: attendance}", "node: stage, when: [{kind: attendance}", "node 'stage' is none of"),
        ("channels.yaml", "{kind: call}", "{knid: call}", "knid"),
        ("channels.yaml", "{kind: call}", "{}", "would match everything"),
        ("channels.yaml", "when: [{kind: call}, {medium: [phone, call]}]", "when: []", "can never match"),
        ("channels.yaml", "campaign_matches: cross-network", "campaign_matches: '(cross'", "no regular expression"),
        ("channels.yaml", "  gclid: {source: google", "  gclidx: {source: google", "gclidx is no click id"),
        ("channels.yaml", "{kind: call}", "{click_id: gclidx}", "gclidx is no click id"),
        ("channels.yaml", "{kind: call}", "{referrer: 'https://a.example'}", "is no host"),
        ("channels.yaml", "{kind: call}", "{referrer: [a.example, חנות.example]}", "never stands in a referrer"),
        ("channels.yaml", "channel: Phone,", "channel: Phone, kind: Call,", "write it lower-case"),
        ("channels.yaml", "Live, node: live, when: [{category", "Live, node: live, kind: post, when: [{category",
         "another rule for Live says kind ''"),
        ("channels.yaml", "  - {channel: Phone", "  - {channel: Phone: x", "is no YAML"),
        ("sessions.yaml", "gap_minutes: 30", "gap_minutes: -1", "must be more than 0"),
        ("sessions.yaml", "max_hours: 24", "max_hours: long", "Expected `float`"),
        ("sessions.yaml", "midnight_zone: UTC", "midnight_zone: Europe/Nowhere", "is no time zone"),
        ("conversions.yaml", "[lead, generate lead, lead captured, form submitted lead]", "[lead], when: [{field: title}]", "needs one of is,"),
        ("conversions.yaml", "names: [subscribed, subscription started, subscription created]", "when: [{field: plan, is: x}]", "no field 'plan'"),
        ("conversions.yaml", "names: [subscribed, subscription started, subscription created]", "when: [{field: path, matches: '(x'}]", "no regular"),
        ("conversions.yaml", ", names: [subscribed, subscription started, subscription created]", "", "would make one of every"),
        ("conversions.yaml", "- {types: [refund]}", "- {types: [track]}", "would take every"),
        ("conversions.yaml", "- {types: [refund]}", "- {types: [refund], refund_of: [nothing]}", "no rule here makes a conversion called 'nothing'"),
        ("conversions.yaml", "- {types: [refund]}", "- {types: [refund], value_from: amount}", "no field 'amount'"),
        ("stages.yaml", "{session: {engaged: true}}, {session: {number_min", "{event: {types: [x]}}, {session: {number_min", "is no type of"),
        ("conversions.yaml", "default: 90, ", "", "needs a `default`"),
        ("conversions.yaml", "trust: [server", "trust: [servant", "'servant' is none of"),
        ("conversions.yaml", "default: 90, ", "default: .nan, ", "is no number"),
        ("conversions.yaml", "default: 90, ", "default: 10000000, ", "at most"),
        ("conversions.yaml", "names: [subscribed, subscription started, subscription created]", "names: [subscribed], value: .inf", "is no number"),
        ("conversions.yaml", "names: [subscribed, subscription started, subscription created]", "names: [subscribed], value: 1.0e+30", "no number"),
        ("sessions.yaml", "gap_minutes: 30", "gap_minutes: .nan", "is no number"),
        ("sessions.yaml", "max_hours: 24", "gap_minutes: 20", "stands in line"),
        ("channels.yaml", "{kind: call}", "{kind: call, kind: scan}", "kind stands in line"),
        ("channels.yaml", "channel: Phone", "channel: Ph\x1bone", "is not allowed"),
        ("stages.yaml", "- {name: consideration", "- {name: awareness", "two stages of one name"),
        ("stages.yaml", "{session: {number_min: 2}}, {touch: {kind: [chat, message", "{}, {touch: {kind: [chat, message", "one of touch"),
        ("referrers.csv", "chatgpt.com,", "https://chatgpt.com/,", "is no host"),
        ("continuity.csv", "adyen.com,payment", "paypal.com,payment", "stands in line 2 already"),
        ("continuity.csv", "adyen.com,payment", "תשלום.example,payment", "never stands in a referrer"),
        ("identity.yaml", "linked_devices: 50", "linked_devices: -1", "-1 is no limit"),
        ("identity.yaml", "{type: idfv, rank: device, neighbours: 10}", "{type: idfv, rank: device, neighbours: -10}", "-10 is no limit"),
        ("continuity.csv", "host,kind", "host", "the first line must be"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_line(folder, file, old, new, told):
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    problems = check(folder)
    assert len(problems) == 1
    assert problems[0].file == file
    assert told in problems[0].message
    expected = text[: text.index(old)].count("\n") + 1
    # what concerns a whole list or mapping is told where that begins
    assert expected - 2 <= problems[0].line <= expected


def test_files_that_nobody_would_read_are_told(folder):
    names = ["channel.yaml", "sessions.yml", "mine.csv"]
    for name in [*names, "README.md", ".channels.yaml", "channels.yaml~", "sessions.yaml.bak"]:
        (folder / name).write_text("")
    problems = check(folder)
    assert [problem.file for problem in problems] == sorted(names)
    assert "did you mean channels.yaml?" in problems[0].message
    assert "referrers.csv" in problems[1].message
    assert "did you mean sessions.yaml?" in problems[2].message


def test_rates_and_missing_files(folder):
    (folder / "currencies.csv").write_text("base,currency,day,rate\nEUR,USD,yesterday,0\n")
    (folder / "stages.yaml").unlink()
    (folder / "sessions.yaml").write_bytes(b"\xff")
    told = [str(problem) for problem in check(folder)]
    assert told[0].startswith("currencies.csv:2: '0' is no rate")
    assert told[1].startswith("currencies.csv:2: 'yesterday' is no day")
    assert told[2].startswith("sessions.yaml: cannot be read")
    assert len(told) == 3  # a file that is not there is the shipped one


@pytest.mark.parametrize("file", ["currencies.csv", "continuity.csv", "referrers.csv", "sessions.yaml"])
def test_a_mark_that_excel_writes_is_none_of_the_rules(folder, file):
    content = (folder / file).read_bytes()
    before = load(folder)
    (folder / file).write_bytes(b"\xef\xbb\xbf" + content)
    assert check(folder) == []
    assert load(folder) == before


def test_what_is_nested_too_deep_is_told(folder):
    (folder / "stages.yaml").write_text("[" * 5_000)
    (problem,) = check(folder)
    assert "nested too deep" in problem.message
