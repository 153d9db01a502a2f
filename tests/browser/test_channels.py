"""The tags of docs/sdk.md for pages without our script, as they stand there: put into a page, asked for, found in the tables."""

from __future__ import annotations

import html as markup
import json
import re
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browser.beacon import Beacon
from browser.conftest import html, whole
from browser.stack import ALIAS, Stack
from playwright.sync_api import Browser, BrowserContext, Page, Route

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sdk.md"
SHOP = "www.shop.example"
FIELDS = "event_id, visitor_id, type, name, url, referrer, title, utm_source, utm_campaign, person_id, is_bot"


def documented(stack: Stack, mark: str) -> str:
    """The one tag of the page that holds this text, for this collector and its key."""
    blocks = re.findall(r"^```html\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    [tag] = [block for block in blocks if mark in block]
    return str(tag).replace("https://collector.shop.example", collector(stack)).replace("wk_…", stack.write_key)


def collector(stack: Stack) -> str:
    """The collector under a name of the shop's domain."""
    return f"http://collector.shop.example:{stack.collector[1]}"


def serve(pages: Beacon, body: str) -> str:
    """The address of two pages of the shop with this body, `…/a` and `…/b`."""
    for path in ("/a", "/b"):
        pages.pages[path] = f"<!doctype html><meta charset=utf-8><title>Shop</title><body>{body}"
    return pages.url(SHOP, "").rstrip("/")


def rows(stack: Stack, where: str) -> list[dict[str, Any]]:
    """Events that were derived, oldest first."""
    stack.wait_derived()
    return stack.query(f"SELECT {FIELDS} FROM v_events WHERE {where} ORDER BY ts, event_id")


@pytest.fixture
def silent(browser: Browser) -> Any:
    """A visitor without JavaScript, and with the name of a browser that somebody sits at: the pixel of another is nobody's."""
    agent = (
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{browser.version} Safari/537.36"
    )
    context = browser.new_context(java_script_enabled=False, user_agent=agent)
    yield context
    context.close()


def test_a_page_without_javascript(silent: BrowserContext, pages: Beacon, stack: Stack) -> None:
    mark = uuid.uuid4().hex
    shop = serve(pages, documented(stack, "<noscript>"))
    page = silent.new_page()
    for path in ("/a", "/b"):
        page.goto(f"{shop}{path}?utm_source=news&utm_campaign={mark}")
    first, second = rows(stack, f"utm_campaign = '{mark}'")
    assert (first["type"], first["utm_source"], first["url"]) == (
        "page", "news", f"{shop}/a?utm_source=news&utm_campaign={mark}",
    )  # fmt: skip
    # the collector's cookie makes one visitor of both
    assert first["visitor_id"] == second["visitor_id"] != ""
    [session] = stack.query(f"SELECT pageviews, channel FROM v_sessions WHERE visitor_id = '{first['visitor_id']}'")
    assert session["pageviews"] == 2


def test_with_javascript_the_noscript_pixel_is_silent(page: Page, pages: Beacon, stack: Stack) -> None:
    shop = serve(pages, documented(stack, "<noscript>"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{shop}/a")
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "p.gif" in url]


# AMP's own substitutions (ampproject/amphtml, docs/spec/amp-var-substitutions.md): name → its form in amp-analytics
AMP = {
    "CLIENT_ID(nv_id)": "clientId(nv_id)", "SOURCE_URL": "sourceUrl", "DOCUMENT_REFERRER": "documentReferrer",
    "TITLE": "title", "BROWSER_LANGUAGE": "browserLanguage",
}  # fmt: skip


def amp_values(mark: str) -> dict[str, str]:
    """What AMP's runtime would say on a page of a shop in Hebrew."""
    url = f"https://shop.example/amp/article?utm_source=discover&utm_campaign={mark}"
    return {
        "CLIENT_ID(nv_id)": f"amp-{mark}", "SOURCE_URL": url, "DOCUMENT_REFERRER": "https://www.google.com/",
        "TITLE": "כתבה & עוד", "BROWSER_LANGUAGE": "he-il",
    }  # fmt: skip


def check_amp(stack: Stack, mark: str, name: str, kind: str) -> None:
    """The event has what the runtime put in."""
    values = amp_values(mark)
    [event] = rows(stack, f"visitor_id = 'amp-{mark}' AND name = '{name}' AND type = '{kind}'")
    assert (event["url"], event["referrer"], event["title"]) == (
        values["SOURCE_URL"], values["DOCUMENT_REFERRER"], values["TITLE"],
    )  # fmt: skip
    assert (event["utm_source"], event["utm_campaign"]) == ("discover", mark)


def test_the_amp_pixel(stack: Stack) -> None:
    mark = uuid.uuid4().hex
    [template] = re.findall(r'src="([^"]+)"', documented(stack, "<amp-pixel"))
    template = markup.unescape(template)
    for variable, value in amp_values(mark).items():
        assert variable in template
        template = template.replace(variable, quote(value, safe=""))
    assert not re.search(r"=[A-Z_]{4,}", template)
    ask(template)
    check_amp(stack, mark, "", "page")


def test_amp_analytics(stack: Stack) -> None:
    mark = uuid.uuid4().hex
    [config] = re.findall(
        r'<script type="application/json">(.*?)</script>', documented(stack, "<amp-analytics"), re.DOTALL
    )
    told = json.loads(config)
    assert told["transport"] == {"beacon": False, "xhrpost": False, "image": True}  # the pixel takes GET alone
    values = {AMP[name]: value for name, value in amp_values(mark).items()}
    for trigger in told["triggers"].values():
        known = {**values, **trigger.get("vars", {})}
        address = told["requests"][trigger["request"]].replace("${base}", told["requests"]["base"])
        ask(re.sub(r"\$\{([^}]+)\}", lambda found, known=known: quote(known[found[1]], safe=""), address))  # type: ignore[misc]
    check_amp(stack, mark, "", "page")
    check_amp(stack, mark, "buy_clicked", "track")


def ask(address: str) -> None:
    """As an image is asked for. The machine doesn't know the browser's names."""
    host = re.sub(r"//[^/:]+", "//127.0.0.1", address, count=1)
    request = urllib.request.Request(
        host, headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers.get("x-netiv-error") is None
        assert answer.headers["content-type"] == "image/gif"


def test_a_mail_that_is_opened_twice_is_one_touch(silent: BrowserContext, pages: Beacon, stack: Stack) -> None:
    mark = uuid.uuid4().hex
    tag = documented(stack, "kind=open").replace("open-spring-4711", mark).replace("4711", f"crm-{mark}")
    mail = serve(pages, tag)
    page = silent.new_page()
    page.goto(f"{mail}/a")
    page.goto(f"{mail}/b")
    [event] = rows(stack, f"event_id = '{mark}'")
    assert (event["type"], event["utm_source"], event["utm_campaign"]) == ("touch", "newsletter", "spring")
    touches = stack.query(
        f"SELECT kind, channel, source, campaign FROM v_touchpoints WHERE person_id = '{event['person_id']}'"
    )
    assert touches == [{"kind": "open", "channel": "Email", "source": "newsletter", "campaign": "spring"}]


def test_the_documented_snippet_with_its_stub(page: Page, pages: Beacon, stack: Stack) -> None:
    mark = uuid.uuid4().hex
    stub = documented(stack, "window.netiv=window.netiv||").replace("<script>", '<script nonce="n1">')
    snippet = documented(stack, "collector.shop.example/netiv.js").replace("<script", '<script nonce="n1"')
    pages.csp = f"default-src 'none'; script-src 'nonce-n1'; connect-src {collector(stack)}"
    body = f"<!doctype html><title>Shop</title>{stub}<script nonce=n1>netiv.track('{mark}').then(v => {{ window.said = v }})</script>{snippet}"
    pages.pages["/"] = body
    page.goto(pages.url(SHOP))
    page.wait_for_function("() => window.said && window.said.status === 'sent'")
    assert [row["type"] for row in rows(stack, f"name = '{mark}'")] == ["track"]


LISTED = re.compile(r"/v1/|netiv|/p\.gif")


@pytest.mark.parametrize("way", ["script", "module"])
def test_a_list_that_knows_our_names_and_the_alias(way: str, page: Page, pages: Beacon, stack: Stack) -> None:
    mark = uuid.uuid4().hex
    blocked: list[str] = []

    def answer(route: Route) -> None:
        if LISTED.search(route.request.url):
            blocked.append(route.request.url)
            return route.abort("blockedbyclient")
        return route.fallback()

    own = f"{collector(stack)}{ALIAS}"
    manifest = json.loads((DOCS.parents[1] / "sdk_js" / "dist" / "manifest.json").read_bytes())["files"]
    module = manifest["netiv.mjs"]["hashed"].removeprefix("netiv.")
    plain = html().replace('src="/netiv.js"', f'src="{own}/s.js"').replace("wk_test", stack.write_key)
    as_module = f"""<!doctype html><title>Module</title><script type=module>import {{ init }} from "{own}/{module}";
        window.netiv = init({{ key: "{stack.write_key}", host: "{collector(stack)}", events: "{ALIAS}/e", engagement: "off" }})</script>"""
    body = plain if way == "script" else as_module
    pages.pages["/start"] = body
    page.route("**/*", answer)
    page.goto(pages.url(SHOP, "/start"))
    whole(page)
    page.evaluate("() => history.pushState({}, '', '/route')")
    assert page.evaluate("name => netiv.track(name).then(verdict => verdict.status)", mark) == "sent"
    [event] = rows(stack, f"name = '{mark}'")
    seen = rows(stack, f"visitor_id = '{event['visitor_id']}' AND type = 'page'")
    assert [row["url"] for row in seen] == [pages.url(SHOP, "/start"), pages.url(SHOP, "/route")]
    assert blocked == []


def test_the_pixel_under_the_alias(stack: Stack) -> None:
    mark = uuid.uuid4().hex
    ask(f"{stack.url}{ALIAS}/p?k={stack.write_key}&type=track&name={mark}&visitor_id={mark}")
    assert [row["visitor_id"] for row in rows(stack, f"name = '{mark}'")] == [mark]
