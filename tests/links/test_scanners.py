"""Who clicks a link or fetches the image of a mail: persons, their mail programs and proxies, previews, scanners, programs."""

from __future__ import annotations

import pytest

from consumers.enrich.agent import agent_parser
from consumers.enrich.facts import enrich
from consumers.enrich.steps import Lookups
from eventlog.contract import Position
from schemas.record import Accepted

LOOKUPS = Lookups(agent_parser(), lambda address: "")

PERSONS = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 300.0.0.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/400.0;FBDV/iPhone14,2]",
]  # fmt: skip
PREVIEWS = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "WhatsApp/2.23.20.0 A", "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "Slack-ImgProxy (+https://api.slack.com/robots)", "Twitterbot/1.0",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", "LinkedInBot/1.0 (compatible; Mozilla/5.0; +http://www.linkedin.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com", "GoogleMessages/20",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Mozilla/5.0 (compatible; MicrosoftPreview/2.0; +https://aka.ms/MicrosoftPreview)", "Iframely/1.3.1", "Snap URL Preview Service; bot; snapchat",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; BingPreview/1.0b) Chrome/100 Safari/537.36",
]  # fmt: skip
SCANNERS = [
    "Barracuda Sentinel (EE)", "Mozilla/5.0 (compatible; Proofpoint URL Defense)", "Mimecast", "Microsoft Office SafeLinks Protection",
    "Microsoft-URLAnalyzer/1", "Microsoft Office Existence Discovery", "CiscoSecureEmail", "IronPort", "FireEye", "TrendMicro ERS", "HubSpot Connect",
]  # fmt: skip
PROGRAMS = [
    "python-requests/2.31.0", "Python/3.9 aiohttp/3.8.1", "Go-http-client/2.0", "curl/8.5.0", "Apache-HttpClient/4.5.13",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
]  # fmt: skip
# They fetch images when a person opens the mail.
OPENERS = [
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0.5134; ms-office; MSOffice 16)",
    "Outlook-iOS/709.2226530.prod.iphone (3.24.1)", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0",
    "okhttp/4.9.1", "Dalvik/2.1.0 (Linux; U; Android 14)", "Mozilla/5.0",
]  # fmt: skip


def is_bot(agent: str, dialect: str) -> bool:
    event = b'{"type":"touch","touch":{"kind":"click"}}'
    record = Accepted("shop", 1_795_177_800_000, "e", "v", event, dialect=dialect, user_agent=agent)
    return bool(enrich(record, Position(1, 0, 0), LOOKUPS)["is_bot"])


@pytest.mark.parametrize("agent", PERSONS)
def test_persons_are_no_bots(agent: str) -> None:
    assert not is_bot(agent, "redirect")
    assert not is_bot(agent, "pixel")


@pytest.mark.parametrize("agent", [*PREVIEWS, *SCANNERS])
def test_previews_and_scanners_are_bots_everywhere(agent: str) -> None:
    assert [is_bot(agent, dialect) for dialect in ("redirect", "pixel", "native")] == [True, True, True]


@pytest.mark.parametrize("agent", PROGRAMS)
def test_programs_click_and_open_as_bots_but_may_send_events(agent: str) -> None:
    assert [is_bot(agent, dialect) for dialect in ("redirect", "pixel", "native")] == [True, True, False]


@pytest.mark.parametrize("agent", OPENERS)
def test_what_mail_programs_fetch_is_an_open(agent: str) -> None:
    assert not is_bot(agent, "pixel")


def test_a_click_without_an_agent_is_nobodys() -> None:
    assert is_bot("", "redirect")
    assert not is_bot("", "pixel")
