"""The button's service worker on a line with one bar: a page that comes slowly comes, one that does not is replaced."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect

from web.pages.emergency_app import service_worker
from web.templating import STATIC

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
PATIENCE_S = 6.0
"""Of the service worker, until the server's first word."""
REGISTER = b"""<!doctype html><title>waits</title><script>
navigator.serviceWorker.register("/khan-cap-sw.js", {scope: "/khan-cap"})
  .then(() => navigator.serviceWorker.ready).then(() => { document.title = "ready"; });</script>"""


class Line(BaseHTTPRequestHandler):
    """A server behind a line that may be bad."""

    protocol_version = "HTTP/1.1"
    over = threading.Event()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/khan-cap-sw.js":
            self._send(bytes(service_worker().body), "text/javascript")
        elif path.startswith("/static/"):
            self._send((STATIC / path.removeprefix("/static/")).read_bytes(), "application/octet-stream")
        elif path == "/khan-cap/luot/cham":
            self._send(b"<!doctype html><title>slow</title><h1>PH", "text/html", b"\xc3\x81T NGAY</h1>")
        elif path == "/khan-cap/luot/im":
            self.over.wait(60)
            self.close_connection = True
        else:
            self._send(b"<title>offline</title>" if "ngoai-tuyen" in path else REGISTER, "text/html")

    def _send(self, body: bytes, kind: str, late: bytes = b"") -> None:
        self.send_response(200)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body) + len(late)))
        self.end_headers()
        with suppress(OSError):  # the browser has given up
            self.wfile.write(body)
            self.wfile.flush()
            if late:
                self.over.wait(PATIENCE_S + 1.5)
                self.wfile.write(late)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    class OwnLine(Line):
        over = threading.Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), OwnLine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    OwnLine.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium: Browser, site: str) -> Iterator[Page]:
    """With the worker in charge."""
    context = chromium.new_context(base_url=site)
    page = context.new_page()
    page.goto("/khan-cap/dang-ky")
    expect(page).to_have_title("ready", timeout=60_000)
    yield page
    context.close()


def test_a_page_that_comes_slowly_comes_whole(page: Page) -> None:
    page.goto("/khan-cap/luot/cham", timeout=60_000)
    expect(page.locator("h1")).to_have_text("PHÁT NGAY")
    assert page.evaluate("navigator.serviceWorker.controller !== null")


def test_a_server_that_says_nothing_is_replaced_by_the_page_that_the_phone_keeps(page: Page) -> None:
    page.goto("/khan-cap/luot/im", timeout=60_000)
    expect(page).to_have_title("offline")
