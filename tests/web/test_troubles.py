"""What the pages say when something outside goes wrong: strangers at the broker, two boxes as one, a full disk."""

import asyncio
from collections import namedtuple
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, event
from sqlmodel import select

from broadcast.alarms import SEEN_EVERY
from broadcast.communes import get_commune
from broadcast.models import Bulletin
from broadcast.nodes import create_node, pair_node
from broadcast.zones import create_zone
from players.broker_watch import BrokerWatch
from players.child import ChildPhase
from players.memory import MemoryTransport
from players.signing import NodeKey
from players.topics import Topics
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn

LONG = "Họp lúc 8h. " * 400
BULLETIN = {"title": "Tin", "script": LONG, "zones": ["thon-dong"], "airs_now": True}


async def look(app: FastAPI) -> None:
    """Have the server look around now, not with its next round."""
    await app.state.station.alarms.look()


def alarms(browser: Browser) -> list[str]:
    return [" ".join(note.text(separator=" ").split()) for note in browser.page.css('[sse-swap="alarms"] .note')]


@pytest.fixture
def watch(app: FastAPI, clock: Clock) -> BrokerWatch:
    """The watch on the broker's log; the broker in memory has none of its own."""
    watch = app.state.station.broker.watch = BrokerWatch(clock)
    return watch


async def test_two_boxes_with_one_identity_are_shown_until_somebody_knows_of_it(
    app: FastAPI, watch: BrokerWatch, browse: SignIn, clock: Clock
) -> None:
    for _ in range(3):
        watch.hear("Client dong-1 already connected, closing old connection.")
    await look(app)
    officer = await browse("officer")
    shown = [alarm for alarm in alarms(officer) if "cùng dùng danh tính" in alarm]
    assert shown == ["Hai thiết bị cùng dùng danh tính của cụm loa dong-1 Hãy thu hồi quyền rồi ghép lại cụm loa thật."]
    for _ in range(2):
        clock.pass_time(timedelta(minutes=2))
        await look(app)
    await officer.get("/")
    shown = [alarm for alarm in alarms(officer) if "cùng dùng danh tính" in alarm]
    assert len(shown) == 1
    assert "Đã hết" in shown[0]
    await officer.get("/canh-bao")
    await officer.send('[data-alarm="pole-double/dong-1"] form')
    await officer.get("/")
    assert not any("cùng dùng danh tính" in alarm for alarm in alarms(officer))


async def test_one_take_over_is_no_alarm(app: FastAPI, watch: BrokerWatch, browse: SignIn) -> None:
    watch.hear("Client dong-1 already connected, closing old connection.")
    await look(app)
    assert not any("dong-1" in alarm for alarm in alarms(await browse("officer")))


async def test_strangers_at_the_door_are_counted_and_their_names_are_no_markup(
    app: FastAPI, watch: BrokerWatch, browse: SignIn, clock: Clock
) -> None:
    for client in ("<b>x</b>", "tay-1"):
        watch.hear(f"Client {client} disconnected, not authorised.")
    clock.pass_time(SEEN_EVERY)  # a round of the server's own may have come between the two
    await look(app)
    officer = await browse("officer")
    shown = [alarm for alarm in alarms(officer) if "bị từ chối" in alarm]
    assert shown == [
        "2 lần trong phút qua có thiết bị bị từ chối vì sai tên, sai mật khẩu hoặc đã thu hồi quyền <b>x</b>, tay-1"
    ]
    assert "<b>x</b>" not in officer.answer.text


async def test_a_process_that_does_not_run_is_named(app: FastAPI, browse: SignIn, clock: Clock) -> None:
    await look(app)  # its renderers are not started
    clock.pass_time(timedelta(seconds=6))
    await look(app)
    admin = await browse("admin")
    assert {alarm for alarm in alarms(admin) if "Bộ tạo âm thanh" in alarm} == {
        "Bộ tạo âm thanh khẩn cấp đã dừng, không chạy",
        "Bộ tạo âm thanh đã dừng, không chạy",
    }
    await admin.get("/suc-khoe")
    assert "Bộ tạo âm thanh bản tin không chạy" in admin.text("main")


async def test_a_process_that_died_is_named_with_what_comes_next(
    speaking_app: FastAPI, commune: Commune, clock: Clock
) -> None:
    admin = await SignIn(speaking_app, commune)("admin")
    shown: list[str] = []
    async with asyncio.timeout(90):
        # The server's own rounds may see one that has just come back, and begin to count anew.
        while not any("đã dừng, sẽ tự khởi động lại" in alarm for alarm in shown):
            await until_renderers_pause(speaking_app)
            await look(speaking_app)
            clock.pass_time(timedelta(seconds=6))
            await admin.get("/")
            shown = [alarm for alarm in alarms(admin) if alarm.startswith("Bộ tạo âm thanh")]
    await admin.http.aclose()


async def until_renderers_pause(app: FastAPI) -> None:
    """Kill what renders until all of it waits to be started again."""
    async with asyncio.timeout(60):
        while any(state.phase is not ChildPhase.PAUSING for state in app.state.station.renderers.states):
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if "tts.renderer" in child.cmdline():
                        child.kill()
            await asyncio.sleep(0.02)


async def test_a_nodes_message_that_was_refused_is_shown(app: FastAPI, browse: SignIn, commune: Commune) -> None:
    station = app.state.station
    topics = Topics("hoa-binh-an")
    async with MemoryTransport(station.broker.broker, "dong-1").connect() as node:
        await node.publish(topics.heartbeat("dong-1"), b"{not json")
        for _ in range(50):
            if station.hub.refusals:
                break
            await station.next_change(timedelta(milliseconds=200))
    await look(app)
    officer = await browse("officer")
    shown = [alarm for alarm in alarms(officer) if "gói tin không hợp lệ" in alarm]
    assert len(shown) == 1
    assert shown[0].startswith("Đã từ chối 1 gói tin không hợp lệ từ dong-1 heartbeat: ")


async def test_a_disk_that_fills_up_is_shown(app: FastAPI, browse: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    officer = await browse("officer")
    assert not any("Ổ đĩa" in alarm for alarm in alarms(officer))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 10**12 - 10**8, 10**8))
    await look(app)
    await officer.get("/")
    assert any(alarm.startswith("Ổ đĩa của máy chủ sắp đầy Còn 95 MB.") for alarm in alarms(officer))


def fill_disk(commune: Commune, app: FastAPI) -> None:
    """Let SQLite meet a full disk, as it says so itself: the file may not grow."""

    @event.listens_for(app.state.station.engine, "begin")
    def _full(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")


async def test_a_full_disk_is_said_and_nothing_is_half_kept(
    app: FastAPI, api: Programs, browse: SignIn, commune: Commune
) -> None:
    officer, program = await browse("officer"), api("officer")
    await officer.get("/soan")
    fill_disk(commune, app)
    answer = await program.post("/api/bulletins", json=BULLETIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk-full")
    page = await officer.send(
        'main form[action="/soan"]', title="Tin", script=LONG, zones="thon-dong", when="now", act="save"
    )
    assert officer.answer.status_code == 507
    assert "chưa được lưu" in page.text()
    with commune.work() as session:
        assert session.exec(select(Bulletin)).all() == []
    assert (await officer.http.get("/")).status_code == 200, "what can be read is still shown"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"script": "x" * 100_000}, "too-long", "script"),
        ({"script": " \u200f\u202e "}, "empty", "script"),
        ({"title": "a\x07b"}, "control-characters", "title"),
        ({"zones": ["thon-nam"]}, "unknown-zone", "zones"),
        ({"airs_now": False, "airs_at": "2027-02-29T08:00:00+07:00"}, "invalid-input", "airs_at"),
        ({"airs_now": False, "airs_at": "2026-09-23T08:00:00"}, "invalid-input", "airs_at"),
        ({"airs_now": False, "airs_at": "2026-09-22T02:59:00Z"}, "time-passed", "airs_at"),
        ({"airs_now": False, "airs_at": "2028-02-29T08:00:00+07:00"}, "too-far", "airs_at"),
    ],
)
async def test_a_program_is_told_which_field_cannot_be_used(
    api: Programs, commune: Commune, changes: dict[str, object], code: str, field: str
) -> None:
    answer = await api("officer").post("/api/bulletins", json={**BULLETIN, "script": "Họp lúc 8h.", **changes})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, code, field)
    assert error["message"].endswith(".")
    with commune.work() as session:
        assert session.exec(select(Bulletin)).all() == []


async def test_an_instant_in_another_zone_is_kept_as_the_same_instant(api: Programs) -> None:
    answer = await api("officer").post(
        "/api/bulletins",
        json={**BULLETIN, "script": "Họp.", "airs_now": False, "airs_at": "2026-09-23T10:00:00+09:00"},
    )
    assert answer.status_code == 201
    assert datetime.fromisoformat(answer.json()["airs_at"]) == datetime(2026, 9, 23, 1, 0, tzinfo=UTC)


async def test_what_turns_or_hides_text_is_taken_out(api: Programs) -> None:
    answer = await api("officer").post("/api/bulletins", json={**BULLETIN, "script": "Họp \u202elúc\u202c \u061c8h."})
    assert answer.json()["script"] == "Họp lúc 8h."


async def test_a_long_text_is_kept_in_the_form_and_named(browse: SignIn, tmp_path: Path) -> None:
    officer = await browse("officer")
    await officer.get("/soan")
    await officer.send(
        'main form[action="/soan"]', title="Tin", script="x" * 100_000, zones="thon-dong", when="now", act="save"
    )
    assert officer.answer.status_code == 422
    assert "tối đa 20000 ký tự" in officer.page.text().replace(".", "")
    assert officer.text('textarea[name="script"]') == "x" * 100_000


async def test_a_document_that_could_not_be_made_is_told_on_the_first_page(
    app: FastAPI, browse: SignIn, commune: Commune
) -> None:
    with commune.work() as session:
        house, names = get_commune(session), [f"xom-{number}" for number in range(65)]
        for name in names:
            create_zone(session, house, slug=name, name=name, now=NOW)
        session.flush()
        _, code = create_node(session, house, "khap-noi", "Khắp nơi", names, NOW)
        pair_node(session, code, NodeKey.generate().public_jwk(), NOW)
    await app.state.station.playout.publish_documents()
    await look(app)
    shown = [alarm for alarm in alarms(await browse("officer")) if "nodes/khap-noi/config" in alarm]
    assert len(shown) == 1
