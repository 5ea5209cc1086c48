"""Alarms told to a real HTTP server and a real mail server on this machine."""

import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine
from sqlmodel import select

from broadcast.alarm_rules import Fact, Judgement, Watched
from broadcast.alarms import apply_judgement
from broadcast.db import session_of
from broadcast.models import AlarmKind, AlarmNotice, NoticeChannel
from broadcast.notify import NotifyFailed
from broadcast.notify_mail import MailOptions
from broadcast.notify_sending import Notifier, NotifyOptions
from broadcast.notify_webhook import WebhookOptions, compute_signature, is_inner, send_webhook
from players.authority import Authority, issue_certificate, make_authority
from tests.broadcast.conftest import NOW

SECRET = "một bí mật đủ dài"
SENDER, RECIPIENTS = "loa@xa.example", ("canbo@xa.example", "lanhdao@xa.example")


@dataclass
class Receiver:
    """A program that is told."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """What it answers next; then 204."""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = receiver.answers.pop(0) if receiver.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("location", receiver.url + "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/alarms"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class MailBox:
    """A mail server that keeps what it is handed, and refuses when told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str | None, list[str], bool]] = []
        self.refuses = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuses:
            return "451 come back later"
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos), session.ssl is not None))
        return "250 taken"


@contextmanager
def mail_server(box: MailBox, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=tls is not None)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


class Bench:
    """A commune with a notifier."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW

    def notifier(self, webhook: WebhookOptions | None = None, mail: MailOptions | None = None) -> Notifier:
        return Notifier(self.engine, NotifyOptions(webhook, mail), lambda: self.now)

    def opens(self, notifier: Notifier, *facts: Fact) -> None:
        with session_of(self.engine) as session:
            apply_judgement(session, Judgement(facts, (), {}, Watched()), notifier.channels, self.now)

    def waiting(self) -> list[str]:
        with session_of(self.engine) as session:
            rows = session.exec(select(AlarmNotice)).all()
        return [row.document["subject"] for row in rows if row.done_at is None]

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def bench(house_engine: Engine) -> Bench:
    return Bench(house_engine)


def fact(name: str) -> Fact:
    return Fact(AlarmKind.POLE_SILENT, name, f"Cột {name}: mất kết nối", "Kiểm tra điện.", zones=("thon-dong",))


def inner(receiver: Receiver) -> WebhookOptions:
    return WebhookOptions(receiver.url, SECRET, allows_inner=True)


async def test_a_webhook_is_signed_and_says_what_is_wrong(bench: Bench) -> None:
    with receiving() as receiver:
        notifier = bench.notifier(inner(receiver))
        bench.opens(notifier, fact("dong-1"))
        await notifier.send_due()
    ((headers, body),) = receiver.got
    stamp, _, signature = headers["loalang-signature"].partition(",v1=")
    assert stamp == f"t={int(NOW.timestamp())}"
    expected = hmac.new(SECRET.encode(), stamp.removeprefix("t=").encode() + b"." + body, hashlib.sha256).hexdigest()
    assert signature == expected
    assert headers["host"] == receiver.url.split("/")[2]
    said = json.loads(body)
    assert (said["event"], said["kind"], said["subject"]) == ("opened", "pole-silent", "dong-1")
    assert said["title"] == "Cột dong-1: mất kết nối"
    assert datetime.fromisoformat(said["first_seen_at"]) == NOW
    assert bench.waiting() == []


async def test_a_receiver_that_is_down_is_told_later_once_and_in_pauses(bench: Bench) -> None:
    with receiving() as receiver:
        receiver.answers = [503, 302]
        notifier = bench.notifier(inner(receiver))
        bench.opens(notifier, fact("dong-1"), fact("dong-2"))
        await notifier.send_due()
        await notifier.send_due()
        assert len(receiver.got) == 1, "after a failure the whole channel rests"
        bench.pass_time(5)
        await notifier.send_due()
        assert len(receiver.got) == 2, "a redirect is not followed"
        bench.pass_time(20)
        await notifier.send_due()
    ids = [headers["loalang-notice"] for headers, _ in receiver.got]
    assert [json.loads(body)["subject"] for _, body in receiver.got][2:] == ["dong-1", "dong-2"]
    assert len(set(ids)) == 2, "a notice that comes again has the same id"
    assert bench.waiting() == []


async def test_nobody_answers(bench: Bench) -> None:
    with receiving() as receiver:
        options = inner(receiver)
    with pytest.raises(NotifyFailed, match="ConnectError"):
        await send_webhook(options, {}, "1", NOW)


@pytest.mark.parametrize(
    ("address", "is_so"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.1.1", True),
        ("172.16.0.1", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),  # noqa: S104 - an address to be refused
        ("224.0.0.1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
    ],
)
def test_inner_addresses_are_known(address: str, *, is_so: bool) -> None:
    assert is_inner(address) is is_so


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1", "2130706433"])
async def test_an_inner_address_is_not_called(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.split("/")[2].partition(":")[2]
        with pytest.raises(NotifyFailed, match=r"is an inner address: set notify\.allow_inner|gaierror"):
            await send_webhook(WebhookOptions(f"http://{host}:{port}/", SECRET), {}, "1", NOW)
    assert receiver.got == []


def test_a_signature_holds_for_its_body_and_its_second_only() -> None:
    made = compute_signature(SECRET, b"{}", NOW)
    assert made != compute_signature(SECRET, b"{ }", NOW)
    assert made != compute_signature(SECRET, b"{}", NOW + timedelta(seconds=1))
    assert made != compute_signature(SECRET + "x", b"{}", NOW)


def test_no_secret_shows_in_a_repr() -> None:
    mail = MailOptions("h", 25, "off", SENDER, RECIPIENTS, "u", SECRET)
    assert SECRET not in repr(mail) + repr(WebhookOptions("https://x.example", SECRET))


def plain(port: int) -> MailOptions:
    return MailOptions("127.0.0.1", port, "off", SENDER, RECIPIENTS)


async def test_two_hundred_poles_are_one_mail(bench: Bench) -> None:
    box = MailBox()
    with mail_server(box) as port:
        notifier = bench.notifier(mail=plain(port))
        for number in range(200):
            bench.opens(notifier, fact(f"cot-{number}"))
            bench.pass_time(0.05)
        await notifier.send_due()
        assert box.mails == [], "others may follow within seconds"
        bench.pass_time(20)
        await notifier.send_due()
        bench.opens(notifier, fact("muon"))
        bench.pass_time(60)
        await notifier.send_due()
        assert len(box.mails) == 1
        bench.pass_time(300)
        await notifier.send_due()
    first, second = box.mails
    assert first["subject"] == "[Loa Làng] Xã Hòa Bình An: 200 cảnh báo mới"
    assert first["to"] == ", ".join(RECIPIENTS)
    text = first.get_content()
    assert "Mới (200):" in text
    assert "- 15:00 01/06 Cột cot-0: mất kết nối. Kiểm tra điện." in text
    assert "… và 100 cảnh báo nữa" in text
    assert "Cột muon" in second.get_content()
    assert box.envelopes[0][:2] == (SENDER, list(RECIPIENTS))
    assert bench.waiting() == []


async def test_a_mail_server_that_refuses_gets_all_of_it_later(bench: Bench) -> None:
    box = MailBox()
    with mail_server(box) as port:
        notifier = bench.notifier(mail=plain(port))
        bench.opens(notifier, fact("dong-1"))
        bench.pass_time(20)
        box.refuses = True
        await notifier.send_due()
        assert bench.waiting() == ["dong-1"]
        box.refuses = False
        bench.opens(notifier, fact("dong-2"))
        bench.pass_time(20)
        await notifier.send_due()
    (mail,) = box.mails
    assert "2 cảnh báo mới" in mail["subject"]


@pytest.fixture
def authority() -> Authority:
    return make_authority("Xã Hòa Bình An", datetime.now(UTC))


def with_tls(folder: Path, authority: Authority) -> ssl.SSLContext:
    """A server's own TLS by this authority."""
    (folder / "server.pem").write_text(issue_certificate(authority, ["localhost", "127.0.0.1"], datetime.now(UTC)))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem")
    return tls


async def test_mail_goes_by_tls_to_the_server_that_is_believed_and_to_no_other(
    bench: Bench, tmp_path: Path, authority: Authority
) -> None:
    box, believed, other = MailBox(), tmp_path / "ca.pem", tmp_path / "other.pem"
    believed.write_text(authority.certificate)
    other.write_text(make_authority("Xã khác", datetime.now(UTC)).certificate)
    with mail_server(box, with_tls(tmp_path, authority)) as port:
        options = MailOptions("127.0.0.1", port, "starttls", SENDER, RECIPIENTS, authorities=believed)
        await bench.notifier(mail=options).try_out(NoticeChannel.MAIL)
        for wrong in (replace(options, authorities=other), replace(options, authorities=None)):
            with pytest.raises(NotifyFailed, match="CERTIFICATE_VERIFY_FAILED"):
                await bench.notifier(mail=wrong).try_out(NoticeChannel.MAIL)
        with pytest.raises(NotifyFailed, match="530"):
            await bench.notifier(mail=replace(options, tls="off")).try_out(NoticeChannel.MAIL)
    assert [is_secret for _, _, is_secret in box.envelopes] == [True]


async def test_a_test_goes_out_at_once_or_says_why_not(bench: Bench) -> None:
    box = MailBox()
    with mail_server(box) as port, receiving() as receiver:
        notifier = bench.notifier(inner(receiver), plain(port))
        await notifier.try_out(NoticeChannel.MAIL)
        await notifier.try_out(NoticeChannel.WEBHOOK)
        receiver.answers = [401]
        with pytest.raises(NotifyFailed, match="401"):
            await notifier.try_out(NoticeChannel.WEBHOOK)
    assert "Đây là tin thử" in box.mails[0].get_content()
    assert json.loads(receiver.got[0][1])["is_test"] is True
    with pytest.raises(NotifyFailed, match="not set up"):
        await bench.notifier().try_out(NoticeChannel.MAIL)
    assert bench.waiting() == []
