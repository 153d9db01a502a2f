"""The media module and YouTube's frames: the protocol of its player, spoken by a stand-in at YouTube's own address."""

from __future__ import annotations

import pytest
from browser.beacon import Beacon
from browser.conftest import html, ready
from playwright.sync_api import Page, Route

# what a player's page does (www-widgetapi.js talks to it so): silent until somebody listens, then its state as JSON text
PLAYER = """<!doctype html><title>Player</title><script>
addEventListener('message', event => {
  let said; try { said = JSON.parse(event.data) } catch { return }
  if (said.event !== 'listening') return;
  window.listeners = (window.listeners || 0) + 1;
  const tell = (kind, info) => parent.postMessage(JSON.stringify({event: kind, info, id: said.id, channel: said.channel}), '*');
  tell('initialDelivery', {playerState: 5, currentTime: 0, duration: 120.4, videoData: {title: 'A film'}});
  tell('onReady', null);
  tell('infoDelivery', {playerState: 3});
  tell('infoDelivery', {playerState: 1});
  for (const currentTime of [0.5, 31, 32, 61, 91, 119]) tell('infoDelivery', {currentTime});
  tell('infoDelivery', {playerState: 2});
  tell('infoDelivery', {playerState: 1, currentTime: 119});
  tell('infoDelivery', {playerState: 0, currentTime: 120.4});
  parent.postMessage({not: 'text'}, '*');
  parent.postMessage('{"not": json', '*');
  tell('done', {});
})</script>"""


def played(route: Route) -> None:
    """The stand-in's page."""
    route.fulfill(body=PLAYER, content_type="text/html")


@pytest.mark.parametrize("host", ["www.youtube.com", "www.youtube-nocookie.com"])
@pytest.mark.parametrize("first", ["frame", "module"])
def test_a_youtube_player_is_heard(host: str, first: str, page: Page, beacon: Beacon) -> None:
    page.route(f"https://{host}/**", played)
    module = '<script src="/netiv-media.js"></script>'
    frame = f'<iframe src="https://{host}/embed/abc?enablejsapi=1&rel=0"></iframe>'
    beacon.pages["/"] = html(body=frame + module if first == "frame" else module + frame)
    page.goto(beacon.url())
    ready(page)
    beacon.wait(lambda: beacon.named("media_completed"))
    media = f"https://{host}/embed/abc"
    assert [event["properties"] for event in beacon.named("media_started")] == [{"media": media, "kind": "youtube"}]
    assert [
        event["properties"] for event in sorted(beacon.named("media_progress"), key=lambda event: event["seq"])
    ] == [{"media": media, "kind": "youtube", "percent": percent, "duration_s": 120} for percent in (25, 50, 75)]
    assert [event["properties"] for event in beacon.named("media_completed")] == [{"media": media, "kind": "youtube"}]


def test_no_other_frame_passes_for_youtube(page: Page, beacon: Beacon) -> None:
    for address in ("https://www.youtube.com/**", "https://www.youtube.com.evil.example/**"):
        page.route(address, played)
    beacon.pages["/"] = html(
        body="""<script>window.done = 0; addEventListener('message', e => { if (String(e.data).includes('"done"')) done++ })</script>
        <script src="/netiv-media.js"></script>
        <iframe id=a src="https://www.youtube.com.evil.example/embed/abc?enablejsapi=1"></iframe>
        <iframe id=b src="https://www.youtube.com/embed/abc"></iframe>"""
    )
    page.goto(beacon.url())
    ready(page)
    # the second one never let anybody listen; it is made to talk all the same
    page.wait_for_function(
        """() => { for (const id of ['a', 'b']) document.getElementById(id).contentWindow
              .postMessage('{"event":"listening","id":1,"channel":"widget"}', '*'); return done >= 2 }"""
    )
    page.evaluate("() => { netiv.track('end') }")
    beacon.wait(lambda: beacon.named("end"))
    assert {event.get("name") or event["type"] for event in beacon.events} == {"page", "end"}
