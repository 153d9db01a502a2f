"""Mautic's webhooks: its triggers become touches, leads and identities; unknown ones are kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from collector_server import Running

from schemas.record import Accepted, Bad
from tests.webhooks.conftest import call_mautic


def contact(email: str = "dana@example.co.il", **fields: str) -> dict[str, Any]:
    core = {name: {"alias": name, "value": value} for name, value in {"email": email, **fields}.items()}
    return {"id": 12, "points": 0, "fields": {"core": core}, "tags": []}


FORM = {
    "submission": {
        "id": 19, "form": {"id": 3, "name": "ניוזלטר", "alias": "newsletter"}, "lead": contact(), "dateSubmitted": "2026-11-19T09:31:18+00:00",
        "referer": "https://shop.example/form?utm_source=facebook", "results": {"email": "dana@example.co.il", "city": "תל אביב 🎉"},
    },
    "timestamp": "2026-11-19T09:31:18+00:00",
}  # fmt: skip
OPEN = {
    "stat": {"id": 5, "emailAddress": "dana@example.co.il", "openCount": 1, "dateRead": "2026-11-19T10:00:00+00:00", "lead": contact(),
             "email": {"id": 8, "name": "Spring mail", "subject": "אביב", "utmTags": {"utmCampaign": "אביב_2026", "utmMedium": "email"}}},
    "timestamp": "2026-11-19T10:00:01+00:00",
}  # fmt: skip
CLICK = {
    "hit": {"id": 31, "dateHit": "2026-11-19T10:01:00+00:00", "url": "https://shop.example/?a=b", "lead": contact(), "source": "email",
            "email": {"id": 8, "name": "Spring mail"}},
    "timestamp": "2026-11-19T10:01:00+00:00",
}  # fmt: skip


def events(collector: Running) -> list[dict[str, Any]]:
    return [msgspec.json.decode(record.event) for record in collector.records() if isinstance(record, Accepted)]


def test_forms_opens_and_clicks(collector: Running) -> None:
    reply = call_mautic(
        collector, {"mautic.form_on_submit": [FORM], "mautic.email_on_open": [OPEN], "mautic.page_on_hit": [CLICK]}
    )
    assert (reply.status, reply.json["accepted"], reply.json["rejected"]) == (202, 3, [])
    lead, opened, clicked = events(collector)
    assert (lead["type"], lead["name"], lead["email"], lead["event_id"]) == (
        "track",
        "lead",
        "dana@example.co.il",
        "mautic-form-19",
    )
    assert lead["created_at"] == "2026-11-19T09:31:18+00:00"
    assert lead["properties"]["form_name"] == "ניוזלטר"
    assert lead["context"]["url"] == "https://shop.example/form?utm_source=facebook"
    assert opened["touch"] == {
        "kind": "open",
        "channel": "Email",
        "source": "mautic",
        "medium": "email",
        "campaign": "אביב_2026",
    }
    assert clicked["touch"] == {
        "kind": "click",
        "channel": "Email",
        "source": "mautic",
        "medium": "email",
        "campaign": "Spring mail",
    }
    assert clicked["identifiers"] == {"mautic_id": "12"}


def test_a_chatbots_lead_has_its_origin(collector: Running) -> None:
    told = {
        "mautic.lead_post_save_new": [
            {"lead": contact(origin="chatbot-landing"), "timestamp": "2026-11-19T11:00:00+00:00"}
        ]
    }
    assert call_mautic(collector, told).json["accepted"] == 3
    identity, chat, lead = events(collector)
    assert (identity["type"], identity["email"]) == ("identify", "dana@example.co.il")
    assert chat["touch"] == {"kind": "chat", "channel": "Chatbot", "source": "chatbot-landing"}
    assert (lead["name"], lead["email"], lead["properties"]["origin"]) == (
        "lead captured",
        "dana@example.co.il",
        "chatbot-landing",
    )


def test_a_contact_that_is_saved_again_is_no_second_lead(collector: Running) -> None:
    for trigger, second in (("new", "00"), ("update", "07")):
        entry = {"lead": contact(origin="chatbot"), "timestamp": f"2026-11-19T11:00:{second}+00:00"}
        call_mautic(collector, {f"mautic.lead_post_save_{trigger}": [entry]})
    assert len({event["event_id"] for event in events(collector) if event.get("name") == "lead captured"}) == 1


UNKNOWN: list[Any] = [
    {"mautic.sms_on_send": [{"a": 1}]},
    {"mautic.form_on_submit": [7]},
    {"mautic.form_on_submit": [{"submission": {"id": 1, "lead": {"fields": {"core": [1]}}}}]},
    {"mautic.email_on_open": [{}]},
    {"hello": 1},
    [],
]


@pytest.mark.parametrize("body", UNKNOWN)
def test_unknown_shapes_are_bad_events(collector: Running, body: Any) -> None:
    assert call_mautic(collector, body).json["accepted"] == 0
    (record,) = collector.records()
    assert isinstance(record, Bad)


def test_a_replay_is_refused_and_a_forgery_too(collector: Running) -> None:
    body = {"mautic.form_on_submit": [FORM]}
    assert [call_mautic(collector, body).status, call_mautic(collector, body).status] == [202, 409]
    assert call_mautic(collector, body, secret="guess").status == 401
