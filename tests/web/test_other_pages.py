"""Emergencies, the as-run log, poles and people, as the pages show them."""

import csv
import io
from datetime import datetime, timedelta

import pdfplumber
import pytest
from sqlmodel import Session, col, select

from broadcast.airings import add_broadcast, deliveries_of
from broadcast.communes import get_commune
from broadcast.lifecycle import WhyNot, move
from broadcast.models import Broadcast, BroadcastState, DeliveryState, Node, row_id
from broadcast.nodes import create_node
from broadcast.zones import zones_by_slug
from tests.web.conftest import NOW, Browser, Clock, Commune, SignIn

TEXT = "Nước lên nhanh. Bà con sơ tán ngay đến NVH thôn lúc 15h."


def add_nodes(session: Session) -> None:
    commune = get_commune(session)
    for slug, zone in (("dong-1", "thon-dong"), ("dong-2", "thon-dong"), ("tay-1", "thon-tay")):
        create_node(session, commune, slug, f"Cột {slug}", [zone], NOW)


async def raise_emergency(head: Browser) -> str:
    await head.get("/khan-cap")
    await head.send("main form", text=TEXT)
    assert "mười lăm giờ" in head.text(".reading")
    await head.send("main form")
    return head.path.removeprefix("/khan-cap/luot/")


async def test_a_village_head_raises_an_emergency_for_his_village(browse: SignIn, commune: Commune) -> None:
    with commune.work() as session:
        add_nodes(session)
    head = await browse("head")
    await head.get("/khan-cap")
    assert [box.attributes["value"] for box in head.page.css('input[name="zones"]')] == ["thon-dong"]
    broadcast_id = await raise_emergency(head)
    assert [row.attributes["data-node"] for row in head.page.css("tr[data-node]")] == ["dong-1", "dong-2"]
    with commune.work() as session:
        assert session.get_one(Broadcast, broadcast_id).urgency == "emergency"


async def test_pressing_twice_is_one_emergency(browse: SignIn, commune: Commune) -> None:
    head = await browse("head")
    await head.get("/khan-cap")
    await head.send("main form", text=TEXT)
    confirm = head.page
    await head.send("main form")
    once = head.path
    head.page = confirm
    await head.send("main form")
    assert head.path == once
    with commune.work() as session:
        assert len(session.exec(select(Broadcast)).all()) == 1


async def test_another_village_is_not_his_to_warn(browse: SignIn, commune: Commune) -> None:
    head = await browse("head")
    await head.get("/khan-cap")
    await head.send("main form", text=TEXT, zones=["thon-tay"])
    assert head.answer.status_code == 422
    assert head.text("#text") == TEXT
    await head.send("main form", text=TEXT, zones=["thon-dong"])
    await head.send("main form", zones=["thon-tay"])
    assert head.answer.status_code == 403
    with commune.work() as session:
        assert session.exec(select(Broadcast)).all() == []


@pytest.mark.parametrize("text", ["", " \n ", "x" * 601])
async def test_an_emergency_says_something_short(browse: SignIn, text: str) -> None:
    leader = await browse("leader")
    await leader.get("/khan-cap")
    await leader.send("main form", text=text, zones=["thon-tay"])
    assert leader.answer.status_code == 422
    assert leader.page.css_first("#error-text") is not None


async def test_a_coming_broadcast_is_cancelled_once(browse: SignIn, commune: Commune) -> None:
    head, officer = await browse("head"), await browse("officer")
    broadcast_id = await raise_emergency(head)
    await officer.get("/")
    button = f'button[formaction="/luot-phat/{broadcast_id}/huy"]'
    await officer.press(button)
    assert officer.path == "/"
    assert officer.text('main > [role="status"]') == "Đã hủy lượt phát."
    assert officer.page.css_first(button) is None
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    answer = await officer.http.post(f"/luot-phat/{broadcast_id}/huy", data={"csrf": secret})
    assert answer.status_code == 409


def given_up(session: Session, id_: str, starts_at: datetime) -> None:
    """A broadcast of which no pole has said anything."""
    row = Broadcast(
        id=id_, commune_id=row_id(get_commune(session).id), title="Họp thôn", state=BroadcastState.MISSED,
        reason="nodes-silent", starts_at=starts_at, duration_ms=12_000, created_at=starts_at, ended_at=starts_at,
    )  # fmt: skip
    add_broadcast(session, row, {row_id(zone.id) for zone in zones_by_slug(session, ["thon-dong"])}, [])
    row.duration_ms = 12_000
    for delivery in deliveries_of(session, id_):
        move(delivery, DeliveryState.SILENT)
        session.add(delivery)


async def test_what_may_wait_for_its_turn_where_nothing_was_heard_is_stopped_on_its_page(
    browse: SignIn, commune: Commune
) -> None:
    with commune.work() as session:
        add_nodes(session)
        given_up(session, "b-old", NOW - timedelta(minutes=61))
        given_up(session, "b-late", NOW - timedelta(minutes=10))
    officer = await browse("officer")
    await officer.get("/luot-phat/b-old")
    assert officer.page.css_first('button[formaction="/luot-phat/b-old/dung"]') is None
    await officer.get("/luot-phat/b-late")
    await officer.press('button[formaction="/luot-phat/b-late/dung"]')
    assert officer.text('main > [role="status"]') == "Đã gửi lệnh dừng."
    with commune.work() as session:
        broadcast = session.get_one(Broadcast, "b-late")
        assert (broadcast.state, broadcast.reason) == (BroadcastState.CUT, "stopped-by-user")


async def test_a_broadcast_of_another_village_is_not_shown(browse: SignIn, commune: Commune) -> None:
    leader, head = await browse("leader"), await browse("head")
    await leader.get("/khan-cap")
    await leader.send("main form", text=TEXT, zones=["thon-tay"])
    await leader.send("main form")
    path = leader.path
    await head.get(path)
    assert head.answer.status_code == 404
    await head.get("/")
    assert "Nước lên" not in head.text("main")
    await leader.get("/")
    assert "Nước lên" in leader.text("main")


def end_emergency(session: Session, broadcast_id: str, clock: Clock) -> None:
    """Write down what the poles would have reported."""
    broadcast = session.get_one(Broadcast, broadcast_id)
    broadcast.starts_at, broadcast.duration_ms = NOW, 12_000
    move(broadcast, BroadcastState.ON_AIR)
    move(broadcast, BroadcastState.AIRED)
    broadcast.ended_at = NOW + timedelta(seconds=20)
    played, silent = deliveries_of(session, broadcast_id)
    move(played, DeliveryState.PLAYED)
    played.started_at, played.finished_at = NOW + timedelta(milliseconds=400), NOW + timedelta(seconds=12.4)
    move(silent, DeliveryState.MISSED, WhyNot.NODE_NOT_PAIRED)
    session.add_all([broadcast, played, silent])
    clock.pass_time(timedelta(minutes=5))


async def test_the_log_says_what_each_pole_did_and_why_not(browse: SignIn, commune: Commune, clock: Clock) -> None:
    with commune.work() as session:
        add_nodes(session)
    head, officer = await browse("head"), await browse("officer")
    broadcast_id = await raise_emergency(head)
    with commune.work() as session:
        end_emergency(session, broadcast_id, clock)
    await officer.get("/nhat-ky")
    assert officer.text('tr[data-node="dong-1"]') == "Cột dong-1 Đã phát 10:00:00 10:00:12 –"
    assert "Cụm loa chưa được ghép với máy chủ." in officer.text('tr[data-node="dong-2"]')
    await officer.get("/nhat-ky?ngay=2026-09-21")
    assert "chưa có lượt phát nào" in officer.text("main")
    answer = await officer.http.get("/nhat-ky.csv?ngay=2026-09-22")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["Cụm loa"], row["Kết quả"], row["Bắt đầu"], row["Kết thúc"]) for row in rows] == [
        ("Cột dong-1", "Đã phát", "10:00:00", "10:00:12"),
        ("Cột dong-2", "Không phát", "", ""),
    ]
    assert rows[1]["Lý do"] == "Cụm loa chưa được ghép với máy chủ."


async def test_a_month_is_reported_on_a_page_in_a_table_and_to_be_printed(
    browse: SignIn, commune: Commune, clock: Clock
) -> None:
    with commune.work() as session:
        add_nodes(session)
    head, officer = await browse("head"), await browse("officer")
    broadcast_id = await raise_emergency(head)
    with commune.work() as session:
        end_emergency(session, broadcast_id, clock)
    await officer.get("/bao-cao")
    assert "Đã phát 1 lượt, 12 giây" in officer.text("main")
    assert "Cột dong-2 Im lặng cả tháng" in officer.text("main")
    answer = await officer.http.get("/bao-cao.csv?thang=2026-09")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "Cột dong-1,Thôn Đông,1,1,0," in answer.text
    answer = await officer.http.get("/bao-cao.pdf?thang=2026-09")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    with pdfplumber.open(io.BytesIO(answer.content)) as pdf:
        said = " ".join(pdf.pages[0].extract_text().split())
    for words in ("Báo cáo truyền thanh tháng 09/2026", "Cột dong-1", "Ngày 22 tháng 9 năm 2026"):
        assert words in said
    await officer.get("/bao-cao?thang=2026-08")
    assert "Tháng này chưa có lượt phát nào." in officer.text("main")


@pytest.mark.parametrize("month", ["tháng này", "0001-01", "2999-12", "2026-13"])
async def test_a_month_that_is_none_is_this_one(browse: SignIn, month: str) -> None:
    officer = await browse("officer")
    await officer.get(f"/bao-cao?thang={month}")
    assert "Báo cáo tháng 09/2026" in officer.text("h1")


async def test_what_never_began_is_in_the_log_with_its_reason(browse: SignIn, commune: Commune) -> None:
    head = await browse("head")
    broadcast_id = await raise_emergency(head)
    with commune.work() as session:
        broadcast = session.get_one(Broadcast, broadcast_id)
        move(broadcast, BroadcastState.MISSED, WhyNot.RENDERING_FAILED)
        broadcast.ended_at = NOW
        session.add(broadcast)
    await head.get("/nhat-ky")
    assert "Không tạo được âm thanh cho bản tin." in head.text(f'[data-broadcast="{broadcast_id}"]')
    answer = await head.http.get("/nhat-ky.csv")
    assert "Không tạo được âm thanh" in answer.text


async def test_a_spreadsheet_gets_no_formula_from_a_title(browse: SignIn) -> None:
    leader = await browse("leader")
    await leader.get("/khan-cap")
    await leader.send("main form", text="=1+1 là hai", zones=["thon-tay"])
    await leader.send("main form")
    await leader.get("/")
    await leader.press('button[formaction$="/huy"]')
    answer = await leader.http.get("/nhat-ky.csv")
    assert "'=1+1" in answer.text
    assert ",=1+1" not in answer.text


@pytest.mark.parametrize("day", ["hôm nay", "0001-01-01", "9999-12-31", "2026-02-30"])
async def test_a_day_that_is_none_is_today(browse: SignIn, day: str) -> None:
    officer = await browse("officer")
    await officer.get(f"/nhat-ky?ngay={day}")
    assert "22/09/2026" in officer.text("main")


async def test_an_administrator_adds_pairs_and_revokes_a_pole(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/cum-loa")
    await admin.send("main form", name="Cột đình", slug="cot-dinh", zones=["thon-tay"])
    assert len(admin.text(".code")) == 8
    first = admin.text(".code")
    await admin.press('button[formaction="/cum-loa/cot-dinh/ma-ghep"]')
    assert admin.text(".code") not in {"", first}
    await admin.press('button[formaction="/cum-loa/cot-dinh/thu-hoi"]')
    assert "Đã thu hồi quyền" in admin.text('li[data-node="cot-dinh"]')
    with commune.work() as session:
        node = session.exec(select(Node).where(col(Node.slug) == "cot-dinh")).one()
        assert node.revoked_at == NOW
        assert node.pairing_code_hash is None


async def test_a_wrong_pole_is_named_at_its_field(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/cum-loa")
    await admin.send("main form", name="Cột đình", slug="Cột Đình", zones=["thon-tay"])
    assert admin.answer.status_code == 422
    assert admin.page.css_first("#error-slug") is not None
    assert admin.attributes("#name")["value"] == "Cột đình"


async def test_an_administrator_resets_a_password_and_the_old_one_is_void(browse: SignIn, commune: Commune) -> None:
    admin, officer = await browse("admin"), await browse("officer")
    await admin.get("/nguoi-dung")
    await admin.press('button[formaction="/nguoi-dung/officer/mat-khau"]')
    fresh = admin.text(".code")
    await officer.get("/soan")
    assert officer.path == "/dang-nhap"
    await officer.sign_in("officer", commune.passwords["officer"])
    assert officer.answer.status_code == 401
    await officer.sign_in("officer", fresh)
    assert officer.path == "/"


async def test_an_administrator_locks_others_out_and_not_himself(browse: SignIn) -> None:
    admin, officer = await browse("admin"), await browse("officer")
    await admin.get("/nguoi-dung")
    assert admin.page.css_first('button[formaction="/nguoi-dung/admin/khoa"]') is None
    await admin.press('button[formaction="/nguoi-dung/officer/khoa"]')
    await officer.get("/soan")
    assert officer.path == "/dang-nhap"
    secret = admin.attributes('#act input[name="csrf"]')["value"]
    assert (await admin.http.post("/nguoi-dung/admin/khoa", data={"csrf": secret})).status_code == 409


async def test_a_person_is_added_with_a_password_shown_once(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/nguoi-dung")
    await admin.send("main form", name="Trưởng thôn Tây", username="tay", role="village-head", zone="")
    assert admin.answer.status_code == 422
    await admin.send("main form", zone="thon-tay")
    password = admin.text(".code")
    head = Browser(browse.app)
    browse.browsers.append(head)
    await head.sign_in("tay", password)
    assert "Trưởng thôn" in head.text(".me")


async def test_changing_ones_password_ends_every_session(browse: SignIn, commune: Commune) -> None:
    here, there = await browse("officer"), await browse("officer")
    old = commune.passwords["officer"]
    await here.get("/mat-khau")
    for typed in (
        {"old": "wrong", "new": "một mật khẩu dài", "again": "một mật khẩu dài"},
        {"old": old, "new": "ngắn", "again": "ngắn"},
        {"old": old, "new": "một mật khẩu dài", "again": "một mật khẩu khác"},
    ):
        await here.send("main form", **typed)
        assert here.answer.status_code == 422
        assert here.page.css_first(".error") is not None
    await here.send("main form", old=old, new="một mật khẩu dài", again="một mật khẩu dài")
    assert here.path == "/dang-nhap"
    await there.get("/soan")
    assert there.path == "/dang-nhap"
    await here.sign_in("officer", "một mật khẩu dài")
    assert here.path == "/"
