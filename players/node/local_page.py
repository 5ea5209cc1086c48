"""The pole's own page: who shows a card starts a prepared message, without the server. Plain HTML, no script.

The standard library's server in a few threads: it is used on the worst day of the year and must not cost memory on all
the others. TLS by the pole's own certificate, which phones do not know: they warn once.
"""

import asyncio
import hmac
import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex, token_urlsafe
from socket import SHUT_RDWR, socket
from threading import Lock, Thread, Timer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from players.authority import issue_certificate, make_authority
from players.errors import OutputMissing
from players.node.clock import NodeClock
from players.node.local_desk import Answer, CardRefused, LocalDesk, Visit
from players.node.local_page_html import STYLE_HASH, card_page, messages_page
from players.signing import write_secret

T = TypeVar("T")

log = logging.getLogger(__name__)

CERTIFICATE_FILE = "page.pem"
MAX_FORM_BYTES = 4096
MAX_VISITORS = 8
"""Connections at once; a village head and some neighbours."""
MAX_OF_ADDRESS = 3
"""Of these at one address: who keeps them open shuts nobody else out."""
TIMEOUT_S = 15.0
"""For each read and write,"""
CONNECTION_S = 30.0
"""and for all of a connection, which brings one request."""
VISIT_S = 600.0
MAX_VISITS = 32
FREE_TRIES = 5
TRY_EVERY_S = 20.0
MAX_ADDRESSES = 256
_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src '{STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


class Visits:
    """Who is let in, by a secret in a cookie; and who has tried too often. Safe to use from many threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._open: dict[str, tuple[Visit, float]] = {}
        self._tries: dict[str, tuple[float, float]] = {}
        self._answers: dict[str, Answer] = {}

    def begin(self, visit: Visit) -> str:
        """Let in; the secret."""
        secret = token_urlsafe(24)
        with self._lock:
            if len(self._open) >= MAX_VISITS:
                self._open.pop(next(iter(self._open)))
            self._open[secret] = (visit, self._monotonic() + VISIT_S)
        return secret

    def of(self, secret: str) -> Visit | None:
        """Whose secret that is, for ten minutes."""
        with self._lock:
            for known, (visit, until) in self._open.items():
                if hmac.compare_digest(known.encode(), secret.encode()) and self._monotonic() < until:
                    return visit
        return None

    def leave(self, secret: str, answer: Answer) -> None:
        """Keep what is to be told to a visitor once."""
        with self._lock:
            if len(self._answers) >= MAX_VISITS:
                self._answers.pop(next(iter(self._answers)))
            self._answers[secret] = answer

    def left(self, secret: str) -> Answer | None:
        """What is to be told now, once."""
        with self._lock:
            return self._answers.pop(secret, None)

    def may_try(self, address: str) -> bool:
        """Whether an address may show another card: five at once, then one every 20 s."""
        now = self._monotonic()
        with self._lock:
            left, at = self._tries.pop(address, (float(FREE_TRIES), now))
            left = min(FREE_TRIES, left + (now - at) / TRY_EVERY_S)
            if len(self._tries) >= MAX_ADDRESSES:
                self._tries.pop(next(iter(self._tries)))
            self._tries[address] = (left - 1 if left >= 1 else left, now)
        return left >= 1


class LocalPage:
    """The page while it runs.

    Args:
        desk: what is asked goes there, on the event loop.
        clock: the node's.
        address: host and port; port 0 takes a free one.
        certificate: PEM with its key; made when it is missing.
        name: what the certificate says the pole is called.
    """

    def __init__(
        self, desk: LocalDesk, clock: NodeClock, address: tuple[str, int], certificate: Path, name: str
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._address = address
        self._certificate = certificate
        self._name = name
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """Where it listens, once it runs; 0 before."""
        return 0 if self._server is None else int(self._server.server_address[1])

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OutputMissing: the address cannot be had.
        """
        self._server = await asyncio.to_thread(self._open, asyncio.get_running_loop())
        thread = Thread(target=self._server.serve_forever, name="local-page", daemon=True)
        thread.start()
        log.info("the pole's page listens on port %d", self.port)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server, self._server = self._server, None
            await asyncio.to_thread(server.shutdown)
            server.server_close()

    def _open(self, loop: asyncio.AbstractEventLoop) -> "_Server":
        if not self._certificate.exists():
            now = self._clock.now().at
            pem = issue_certificate(make_authority(self._name, now), [self._name], now)
            write_secret(self._certificate, pem.encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        try:
            return _Server(self._address, context, _Door(self._desk, Visits(self._clock.monotonic), loop))
        except OSError as error:
            raise OutputMissing(f"the pole's page: {self._address[0]}:{self._address[1]}: {error.strerror}") from error


class _Door:
    """What handlers, each in a thread, ask the desk on its event loop."""

    def __init__(self, desk: LocalDesk, visits: Visits, loop: asyncio.AbstractEventLoop) -> None:
        self.desk = desk
        self.visits = visits
        self._loop = loop

    def ask(self, call: Callable[..., T], *arguments: Any) -> T:
        """Call it on the event loop and wait for what it gives."""

        async def called() -> T:
            return call(*arguments)

        waiting: Awaitable[T] = called()
        return asyncio.run_coroutine_threadsafe(waiting, self._loop).result(TIMEOUT_S)  # type: ignore[arg-type]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, door: _Door) -> None:
        self.door = door
        self._context = context
        self._lock = Lock()
        self._visitors: Counter[str] = Counter()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """One more visitor, if there is room."""
        host = client_address[0]
        with self._lock:
            has_room = self._visitors.total() < MAX_VISITORS and self._visitors[host] < MAX_OF_ADDRESS
            self._visitors[host] += has_room
        if has_room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The handshake is done here, so that who is slow at it keeps nobody else waiting."""
        line = request.dup()
        too_long = Timer(CONNECTION_S, partial(_hang_up, line))
        too_long.daemon = True
        too_long.start()
        try:
            request.settimeout(TIMEOUT_S)
            secured: socket = self._context.wrap_socket(request, server_side=True)
            super().process_request_thread(secured, client_address)
        except OSError as error:
            log.debug("the pole's page: %s", error)
            self.shutdown_request(request)
        finally:
            too_long.cancel()
            line.close()
            with self._lock:
                self._visitors[client_address[0]] -= 1
                self._visitors += Counter()  # who is gone is not remembered

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who breaks off is none of our troubles."""
        log.info("the pole's page: a request broke off", exc_info=True)


def _hang_up(line: socket) -> None:
    """Whoever waits for it, in whatever thread, hears that it is over."""
    with suppress(OSError):
        line.shutdown(SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = TIMEOUT_S
    server_version = "loalang-node"
    sys_version = ""

    def do_GET(self) -> None:
        """The page."""
        address = urlsplit(self.path)
        if address.path != "/":
            self._answer(404, card_page("Không có trang này.", ""))
            return
        visit = self._visit()
        if visit is None:
            self._answer(200, card_page("", (parse_qs(address.query).get("the") or [""])[0]))
        else:
            self._show(visit)

    def do_POST(self) -> None:
        """A card, a message, or the end of what sounds."""
        form = self._form()
        visit = self._visit()
        if form is None:
            self._answer(413, card_page("Biểu mẫu quá dài.", ""))
        elif self.path == "/the":
            self._take_card(form.get("card", ""))
        elif visit is None or not self._is_own(form):
            self._answer(403, card_page("Hãy nhập lại mã thẻ.", ""))
        elif self.path == "/phat":
            desk = self.server.door.desk
            self._tell(self.server.door.ask(desk.start, visit, form.get("message", ""), form.get("press", "")))
        elif self.path == "/dung":
            self._tell(self.server.door.ask(self.server.door.desk.stop, visit))
        else:
            self._answer(404, card_page("Không có trang này.", ""))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """No line for each request: an address may carry a card."""

    def _take_card(self, text: str) -> None:
        door = self.server.door
        if not door.visits.may_try(self.client_address[0]):
            self._answer(429, card_page("Đã thử quá nhiều lần. Hãy đợi 20 giây.", ""))
            return
        try:
            visit = door.ask(door.desk.show, text)
        except CardRefused as error:
            self._answer(403, card_page(str(error), ""))
            return
        cookie = f"loa={door.visits.begin(visit)}; Path=/; Max-Age={int(VISIT_S)}; HttpOnly; Secure; SameSite=Strict"
        self._answer(303, "", {"set-cookie": cookie, "location": "/"})

    def _tell(self, answer: Answer) -> None:
        """On the page that comes next, so that loading it again asks for nothing."""
        self.server.door.visits.leave(self._secret(), answer)
        self._answer(303, "", {"location": "/"})

    def _show(self, visit: Visit) -> None:
        door, secret = self.server.door, self._secret()
        answer = door.visits.left(secret)
        said = "" if answer is None else answer.value
        self._answer(200, messages_page(door.ask(door.desk.look, visit), secret, token_hex(8), said))

    def _visit(self) -> Visit | None:
        return self.server.door.visits.of(self._secret())

    def _secret(self) -> str:
        try:
            morsel = SimpleCookie(self.headers.get("cookie", "")).get("loa")
        except CookieError:
            return ""
        return "" if morsel is None else morsel.value

    def _is_own(self, form: dict[str, str]) -> bool:
        """The form carries the visit's secret: no other page can have sent it."""
        return hmac.compare_digest(form.get("visit", "").encode(), self._secret().encode())

    def _form(self) -> dict[str, str] | None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_FORM_BYTES:
            return None
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        return {name: values[0] for name, values in parse_qs(body, max_num_fields=10).items()}

    def _answer(self, status: int, page: str, headers: dict[str, str] | None = None) -> None:
        body = page.encode()
        self.send_response(status)
        for name, value in {**_HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
