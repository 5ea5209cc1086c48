"""A real pole is killed: an alarm on the page, a webhook, a mail; somebody knows; a restart changes nothing of that."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from playwright.sync_api import Browser, expect

from broadcast.db import migrate, open_engine, session_of
from broadcast.notify_webhook import compute_signature
from broadcast.seed import seed_demo
from tests.web.e2e.conftest import NODE, House, People, free_port, process

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
SECRET = "một bí mật đủ dài"
WITHIN_S = 90
"""Of a machine that does much else: 25 s of silence, a look every 2 s, and then a page and a request."""


class Told:
    """What somebody outside was told, in order."""

    def __init__(self) -> None:
        self._news = Condition()
        self._got: list[tuple[dict[str, str], bytes]] = []

    def take(self, headers: dict[str, str], body: bytes) -> None:
        with self._news:
            self._got.append((headers, body))
            self._news.notify_all()

    def until(self, is_meant: Callable[[bytes], bool]) -> tuple[dict[str, str], bytes]:
        """The first that is meant; waits for it."""

        def found() -> tuple[dict[str, str], bytes] | None:
            return next((one for one in self._got if is_meant(one[1])), None)

        with self._news:
            one = self._news.wait_for(found, WITHIN_S)
        assert one, [body.decode() for _, body in self._got]
        return one

    def count(self, is_meant: Callable[[bytes], bool]) -> int:
        with self._news:
            return sum(is_meant(body) for _, body in self._got)


@contextmanager
def webhook(told: Told) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class MailBox:
    def __init__(self, told: Told) -> None:
        self._told = told

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self._told.take({"to": ", ".join(envelope.rcpt_tos)}, envelope.content)
        return "250 taken"


@contextmanager
def mail_server(told: Told) -> Iterator[int]:
    controller = Controller(MailBox(told), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def told() -> dict[str, Told]:
    return {"webhook": Told(), "mail": Told()}


@pytest.fixture
def watched(tmp_path: Path, told: dict[str, Told], monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A server that tells a webhook and a mailbox on this machine."""
    folder = tmp_path / "house"
    folder.mkdir()
    engine = open_engine(f"sqlite:///{folder / 'loalang.sqlite3'}")
    migrate(engine)
    with session_of(engine) as session:
        passwords = dict(seed_demo(session, datetime.now(UTC)).passwords)
    engine.dispose()
    with webhook(told["webhook"]) as url, mail_server(told["mail"]) as smtp_port:
        settings = {
            "WEBHOOK_URL": url, "WEBHOOK_SECRET": SECRET, "ALLOW_INNER": "true", "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(smtp_port), "SMTP_TLS": "off", "MAIL_FROM": "loa@xa.example",
            "MAIL_TO": "canbo@xa.example", "MAIL_GATHER_S": "1", "MAIL_PAUSE_S": "0",
        }  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(f"LOALANG_NOTIFY__{name}", value)
        house = House(folder, free_port(), free_port(), passwords)
        try:
            house.start()
            yield house
        finally:
            house.stop()


def is_about(kind: str, event: str) -> Callable[[bytes], bool]:
    def check(body: bytes) -> bool:
        said = json.loads(body)
        return (said["kind"], said["event"]) == (kind, event)

    return check


def mail_text(content: bytes) -> str:
    mail: Message = message_from_bytes(content, policy=policy.default)
    return str(mail["subject"]) + "\n" + mail.get_payload(decode=True).decode()  # type: ignore[union-attr]


@contextmanager
def api(house: House) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=house.url, trust_env=False, timeout=30) as client:
        credentials = {"username": "canbo", "password": house.passwords["canbo"]}
        token = client.post("/api/sessions", json=credentials).raise_for_status().json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def alarm_of(client: httpx.Client, kind: str) -> dict[str, object]:
    rows = client.get("/api/alarms").raise_for_status().json()["alarms"]
    return next(row for row in rows if row["kind"] == kind)


def until_heard(client: httpx.Client, slug: str) -> None:
    """Until the server hears the pole: each change is an event of `/api/events`."""
    with client.stream("GET", "/api/events", timeout=WITHIN_S) as events:
        for line in events.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["nodes"].get(slug, {}).get("presence") == "online":
                return
    raise AssertionError(f"{slug} was not heard")


def test_a_killed_pole_is_told_and_known_and_stays_known(
    watched: House, told: dict[str, Told], chromium: Browser
) -> None:
    box = watched.pair("dong-1", "Cột đầu thôn Đông", "thon-dong")
    people = People(chromium, watched)
    with process([*NODE, "run", "--data", str(box)], watched.folder / "node.log") as pole, api(watched) as client:
        until_heard(client, "dong-1")
        page = people.sign_in("canbo", "phone")
        shown = page.locator('[sse-swap="alarms"] [data-alarm="pole-silent/dong-1"]')
        expect(shown).to_have_count(0)
        pole.send_signal(signal.SIGKILL)
        pole.wait(10)
        expect(shown).to_contain_text("Cột đầu thôn Đông: mất kết nối", timeout=WITHIN_S * 1000)
        headers, body = told["webhook"].until(is_about("pole-silent", "opened"))
        said = json.loads(body)
        assert (said["subject"], said["title"]) == ("dong-1", "Cột đầu thôn Đông: mất kết nối")
        stamp = int(headers["loalang-signature"].partition(",")[0].removeprefix("t="))
        assert headers["loalang-signature"] == compute_signature(SECRET, body, datetime.fromtimestamp(stamp, UTC))
        _, mail = told["mail"].until(lambda content: "mất kết nối" in mail_text(content))
        assert "Cột đầu thôn Đông: mất kết nối. Kiểm tra điện và mạng tại cột." in mail_text(mail)
        page.get_by_role("link", name=re.compile("cảnh báo chưa ai nhận")).click()
        row = page.locator('[data-alarm="pole-silent/dong-1"]')
        row.get_by_placeholder("Ghi chú").fill("Đã gọi thợ điện")
        row.get_by_role("button", name="Đã biết").click()
        expect(page.locator("[data-done]")).to_be_visible()
        told["webhook"].until(is_about("pole-silent", "acknowledged"))
        known = alarm_of(client, "pole-silent")
    assert (known["note"], known["over_since"]) == ("Đã gọi thợ điện", None)
    watched.stop()
    watched.start()
    checked = subprocess.run(
        [sys.executable, "-m", "web.cli", "check", "--json", "--data", str(watched.folder)],
        capture_output=True, text=True, timeout=120, env=os.environ | {"LOALANG_MQTT__PORT": str(watched.mqtt_port)},
    )  # fmt: skip
    result = json.loads(checked.stdout)
    assert checked.returncode == (1 if any(one["is_silent"] for one in result["findings"]) else 0), checked.stderr
    with api(watched) as client:
        still = alarm_of(client, "pole-silent")
    assert (still["id"], still["times"], still["acknowledged_at"]) == (known["id"], 1, known["acknowledged_at"])
    assert told["webhook"].count(is_about("pole-silent", "opened")) == 1
    assert told["mail"].count(lambda content: "Cột đầu thôn Đông: mất kết nối" in mail_text(content)) == 1
    page = people.sign_in("canbo")
    page.goto("/canh-bao")
    expect(page.locator('[data-alarm="pole-silent/dong-1"]')).to_contain_text("Đã gọi thợ điện")
    assert page.locator('[data-alarm="pole-silent/dong-1"] button').count() == 0
    for context in people.contexts:
        context.close()
