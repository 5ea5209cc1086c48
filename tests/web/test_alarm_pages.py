"""Alarms and the check of the morning on pages and by programs."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from fastapi import FastAPI
from sqlmodel import select

from broadcast.alarms import open_alarms
from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.db import reading
from broadcast.models import Alarm, AlarmKind, BroadcastPart, Rendering
from broadcast.nodes import create_node
from broadcast.rendering import store_rendered
from broadcast.renderings import want_rendering
from broadcast.users import get_user
from players.messages import Heartbeat, NodeActivity, Urgency
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn, serving
from tests.web.test_troubles import alarms, look
from tts.render_job import Rendered
from web.parts import START_ORDER, renderers
from web.settings import SettingsError, load_settings

MORNING = NOW - timedelta(hours=5, minutes=30)
"""04:30 in the commune."""


def add_pole(commune: Commune, slug: str, zone: str) -> None:
    with commune.work() as session:
        node, _ = create_node(session, get_commune(session), slug, f"Cột {slug}", [zone], NOW - timedelta(days=1))
        node.public_key, node.paired_at = {"kid": slug}, NOW - timedelta(days=1)
        session.add(node)


def beat(slug: str, clock: Clock, **changes: object) -> Heartbeat:
    well = Heartbeat(
        node=slug, at=clock.now, activity=NodeActivity.IDLE, output="portaudio", outbox=0, disk_free_bytes=10**10,
        version="0.1.0", clock_offset_ms=1.0, clock_error_ms=2.0, clock_age_ms=61_000,
    )  # fmt: skip
    return well.model_copy(update=changes)


@pytest.fixture
def hears(app: FastAPI, commune: Commune, clock: Clock) -> None:
    """A pole in each village; the server is connected to its broker in memory."""
    add_pole(commune, "dong-1", "thon-dong")
    add_pole(commune, "tay-1", "thon-tay")
    for slug in ("dong-1", "tay-1"):
        app.state.station.presence.heard(beat(slug, clock), clock.now)


def of_poles(browser: Browser) -> list[str]:
    """This server runs no renderers, and says so too."""
    return [alarm for alarm in alarms(browser) if alarm.startswith("Cột")]


async def until_connected(app: FastAPI) -> None:
    station = app.state.station
    for _ in range(50):
        if station.is_connected:
            return
        await station.next_change(timedelta(milliseconds=200))


async def test_a_dead_pole_is_an_alarm_within_30_s_and_stays_until_somebody_knows(
    app: FastAPI, hears: None, browse: SignIn, clock: Clock
) -> None:
    await until_connected(app)
    await look(app)
    officer = await browse("officer")
    assert of_poles(officer) == []
    clock.pass_time(timedelta(seconds=28))
    app.state.station.presence.heard(beat("tay-1", clock), clock.now)
    await look(app)
    await officer.get("/")
    assert len(of_poles(officer)) == 1
    assert of_poles(officer)[0].startswith("Cột dong-1: mất kết nối")
    assert officer.text(".alarm-strip") == "3 cảnh báo chưa ai nhận"
    clock.pass_time(timedelta(minutes=10))
    for _ in range(2):
        clock.pass_time(timedelta(seconds=61))
        for slug in ("dong-1", "tay-1"):
            app.state.station.presence.heard(beat(slug, clock), clock.now)
        await look(app)
    await officer.get("/")
    assert "Đã hết" in of_poles(officer)[0]
    await officer.get("/canh-bao")
    assert "Cột dong-1" in officer.text('[data-alarm="pole-silent/dong-1"]')
    await officer.send('[data-alarm="pole-silent/dong-1"] form', note="Mất điện ở cột, đã có lại.")
    assert "Đã ghi nhận" in officer.text("[data-done]")
    assert "Bà officer đã biết" in officer.text('[data-alarm="pole-silent/dong-1"]')
    assert "Mất điện ở cột, đã có lại." in officer.text('[data-alarm="pole-silent/dong-1"]')
    await officer.get("/")
    assert of_poles(officer) == []


async def test_a_village_head_is_shown_the_village(
    app: FastAPI, hears: None, browse: SignIn, clock: Clock, api: Programs
) -> None:
    await until_connected(app)
    await look(app)
    clock.pass_time(timedelta(seconds=40))
    await look(app)
    head = await browse("head")
    assert [one.partition(":")[0] for one in of_poles(head)] == ["Cột dong-1"]
    rows = (await api("head").get("/api/alarms")).json()["alarms"]
    assert [row["subject"] for row in rows if row["kind"] == "pole-silent"] == ["dong-1"]
    everything = (await api("leader").get("/api/alarms")).json()["alarms"]
    other = next(row for row in everything if row["subject"] == "tay-1")
    assert (await api("head").post(f"/api/alarms/{other['id']}/acknowledge", json={})).status_code == 404


async def test_a_program_acknowledges_and_a_reader_may_not(
    app: FastAPI, hears: None, clock: Clock, api: Programs
) -> None:
    await until_connected(app)
    await look(app)
    clock.pass_time(timedelta(seconds=40))
    await look(app)
    program = api("officer")
    rows = (await program.get("/api/alarms")).json()["alarms"]
    row = next(row for row in rows if row["kind"] == "pole-silent")
    assert (row["is_bad"], row["acknowledged_by"], row["over_since"]) == (True, None, None)
    address = f"/api/alarms/{row['id']}/acknowledge"
    assert (await api("officer", ("read",)).post(address, json={})).status_code == 403
    answer = await program.post(address, json={"note": "x" * 301})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "note")
    answer = await program.post(address, json={"note": "thợ đang tới"})
    assert (answer.json()["acknowledged_by"], answer.json()["note"]) == ("Bà officer", "thợ đang tới")


async def test_a_poles_health_is_said_in_plain_words(app: FastAPI, hears: None, browse: SignIn, clock: Clock) -> None:
    sick = beat(
        "dong-1", clock, temperature_c=82, under_voltage=True, volume_percent=85, gain_db=-3.0, signal="mobile",
        signal_percent=67, memory_free_bytes=300 * 1024**2, processor_percent=4, uptime_s=7200,
    )  # fmt: skip
    app.state.station.presence.heard(sick, clock.now)
    admin = await browse("admin")
    await admin.get("/cum-loa")
    said = admin.text('[data-node="dong-1"]')
    for words in ("Nóng 82 °C", "Điện yếu", "âm lượng 85 %", "-3,0 dB", "sóng di động 67 %", "RAM còn 300 MB"):
        assert words in said
    assert "đồng hồ lệch 1 ms, sai số 2 ms" in said
    assert "hỏi giờ 1 phút 01 giây trước" in said
    assert "bật máy 2 giờ 00 phút" in said
    assert "Nóng" not in admin.text('[data-node="tay-1"]')
    await admin.get("/")
    assert "Nóng 82 °C" in admin.text('[data-node="dong-1"]')


@contextmanager
def receiving(answers: int) -> Iterator[tuple[str, list[dict[str, object]]]]:
    got: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(answers)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", got
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.mark.parametrize(("status", "said"), [(204, "Đã gửi tin thử tới webhook."), (500, "Không gửi được")])
async def test_the_administrator_tries_the_webhook_out(commune: Commune, clock: Clock, status: int, said: str) -> None:
    without = tuple(start for start in START_ORDER if start is not renderers)
    with receiving(status) as (url, got):
        notify = {"webhook_url": url, "webhook_secret": "x" * 16, "allow_inner": True}
        settings = load_settings(None, {}, data_dir=commune.settings.data_dir, mqtt={"mode": "memory"}, notify=notify)
        async with serving(settings, clock, without) as app:
            sign_in = SignIn(app, commune)
            officer, admin = await sign_in("officer"), await sign_in("admin")
            await officer.get("/canh-bao")
            assert officer.page.css_first('[formaction^="/canh-bao/gui-thu"]') is None
            await admin.get("/canh-bao")
            assert admin.page.css_first('[formaction="/canh-bao/gui-thu/mail"]') is None, "mail is not set up"
            await admin.press('[formaction="/canh-bao/gui-thu/webhook"]')
            assert said in admin.text("main")
            for browser in sign_in.browsers:
                await browser.http.aclose()
    assert [one.get("is_test") for one in got][:1] == [True]


@pytest.mark.parametrize(
    "notify",
    [
        {"webhook_url": "https://x.example/"},
        {"webhook_url": "http://x.example/", "webhook_secret": "x" * 16},
        {"webhook_url": "https://x.example/", "webhook_secret": "short"},
        {"webhook_url": "ftp://x.example/", "webhook_secret": "x" * 16, "allow_inner": True},
        {"smtp_host": "mail.example", "mail_from": "a@x.example"},
        {"mail_to": "a@x.example"},
        {"smtp_host": "m", "mail_from": "a@x.example", "mail_to": "b@x.example\nBcc: c@x.example"},
        {
            "smtp_host": "m", "mail_from": "a@x.example", "mail_to": "b@x.example", "smtp_tls": "off",
            "smtp_username": "u", "smtp_password": "p",
        },
        {"morning_at": "12:00", "morning_until": "12:00"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused(commune: Commune, notify: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="notify"):
        load_settings(None, {}, data_dir=commune.settings.data_dir, notify=notify)


# The voice


async def test_a_voice_that_stands_in_for_what_is_to_come_is_told_whoever_spoke_last(
    app: FastAPI, clock: Clock, commune: Commune
) -> None:
    clock.now = MORNING
    await _air(commune, MORNING + timedelta(hours=20))

    def say(sha256: str, reason: str | None, text: str | None = None) -> None:
        with commune.work() as session:
            if text is None:
                rendering = session.exec(select(Rendering).join(BroadcastPart)).one()
            else:
                rendering = want_rendering(session, text, "espeak-vi", None, Urgency.NORMAL, clock.now)
            made = Rendered(
                job=rendering.key,
                sha256=sha256,
                size_bytes=1,
                duration_ms=1000,
                engine="espeak" if reason else "piper",
                voice="espeak-vi",
                fallback_reason=reason,
                render_ms=1,
            )
            store_rendered(session, rendering, made, clock.now)

    async def is_told() -> bool:
        for _ in range(2):  # what is over for a minute is told no more
            clock.now += timedelta(minutes=2)
            await look(app)
        with commune.work() as session:
            return (AlarmKind.VOICE_FALLBACK, "") in open_alarms(session)

    say("a" * 64, "chưa cài giọng đọc")
    assert await is_told()
    say("b" * 64, None, "Bản tin khác.")
    assert await is_told(), "tomorrow's bulletin still has the voice that stood in"
    say("c" * 64, None)
    assert not await is_told()


async def test_a_voice_that_stands_in_for_emergencies_is_told_before_anything_is_spoken(speaking_app: FastAPI) -> None:
    station = speaking_app.state.station
    async with asyncio.timeout(120):
        while station.renderers.loaded is None:
            await station.next_change()
    await look(speaking_app)
    with reading(station.engine) as session:
        assert any(alarm.kind is AlarmKind.VOICE_FALLBACK for alarm in session.exec(select(Alarm)))


# The morning


@pytest.fixture
def dawn(clock: Clock) -> None:
    """It is morning before the server starts: nothing that it does then is of another hour."""
    clock.now = MORNING


async def test_the_morning_is_shown_from_four_to_noon_with_what_to_do(
    dawn: None, app: FastAPI, hears: None, browse: SignIn, clock: Clock, commune: Commune
) -> None:
    officer = await browse("officer")
    await officer.get("/kiem-tra-sang")
    assert "Chưa kiểm tra lần nào" in officer.text("main")
    await officer.get("/soan")
    at = clock.now + timedelta(hours=1)
    await _air(commune, at)
    await officer.get("/kiem-tra-sang")
    await officer.send('form[action="/kiem-tra-sang"]')
    said = officer.text('[data-place="Mọi cụm loa"]')
    assert "Âm thanh chưa tạo xong" in said
    assert "Kiểm tra bộ tạo âm thanh" in said, "its renderers are not running"
    assert "05:30" in said
    await officer.get("/")
    assert "Sáng nay có nơi sẽ không phát" in officer.text('[sse-swap="morning"]')
    await look(app)
    await officer.get("/")
    assert any("Sáng nay sẽ không phát: 05:30" in alarm for alarm in alarms(officer))
    clock.now = MORNING + timedelta(hours=7, minutes=30)
    await officer.get("/")
    assert officer.page.css('[sse-swap="morning"] .note') == []


async def test_a_village_head_is_told_of_the_village_only(
    dawn: None, app: FastAPI, hears: None, browse: SignIn, clock: Clock, commune: Commune
) -> None:
    await _air(commune, clock.now + timedelta(hours=1), zone="thon-tay")
    head = await browse("head")
    await head.get("/kiem-tra-sang")
    await head.send('form[action="/kiem-tra-sang"]')
    assert [place.attributes["data-place"] for place in head.page.css("[data-place]")] == ["Mọi cụm loa"], head.text(
        "main"
    )
    assert "Giọng đọc" in head.text("[data-place]")
    assert "Tin thử" not in head.text("main")


async def _air(commune: Commune, at: datetime, zone: str = "thon-dong") -> None:
    with commune.work() as session:
        officer, leader = get_user(session, "officer"), get_user(session, "leader")
        bulletin = write_bulletin(
            session, officer, title="Tin thử", script="Họp lúc 8 giờ.", zones=[zone], airs_at=at, now=MORNING
        )
        submit_bulletin(session, bulletin.id, officer, MORNING)
        approve_bulletin(session, bulletin.id, leader, 1, MORNING)
