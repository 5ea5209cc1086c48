"""An emergency's page whose live line the server refused: the page opens a new one, as no browser does by itself."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from web.templating import STATIC

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
SITE = "https://xa.test"
PAGE = """<!doctype html><meta charset="utf-8"><title>Lượt</title>
<script src="/static/emergency_live.js" type="module"></script>
<div id="not-live" hidden>đang nối lại</div><div id="progress" data-events="/truc-tiep">cũ</div>"""


class Server:
    """Answers the live line with these codes, one after the other, the last for ever."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def serve(self, route: Route, request: Request) -> None:
        path = request.url.removeprefix(SITE)
        if path.startswith("/static/"):
            route.fulfill(path=STATIC / path.removeprefix("/static/"))
        elif path != "/truc-tiep":
            route.fulfill(body=PAGE if path == "/luot" else f"<title>{path}</title>", content_type="text/html")
        else:
            code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
            live = "event: emergency\ndata: mới\n\n"
            kind = "text/event-stream; charset=utf-8" if code == 200 else "text/plain"
            route.fulfill(status=code, body=live if code == 200 else "", headers={"content-type": kind})


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def test_a_line_that_was_refused_is_opened_anew_when_the_server_is_back(page: Page) -> None:
    page.context.route("**/*", Server(502, 503, 200).serve)
    page.clock.install()
    page.goto(f"{SITE}/luot")
    expect(page.locator("#not-live")).to_be_visible()
    expect(page.locator("#progress")).to_have_text("cũ")
    for _ in range(3):
        page.clock.run_for(3100)
        page.evaluate("() => new Promise((done) => fetch('/nothing').then(done))")
    expect(page.locator("#progress")).to_have_text("mới")


def test_who_is_signed_out_is_led_to_the_sign_in(page: Page) -> None:
    page.context.route("**/*", Server(401).serve)
    page.clock.install()
    page.goto(f"{SITE}/luot")
    expect(page.locator("#not-live")).to_be_visible()
    page.clock.run_for(3100)
    expect(page).to_have_title("/dang-nhap?tiep=/khan-cap")
