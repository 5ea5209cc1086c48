"""The emergency button's pages: proofs, refusals, drills, what stands behind it, and what a phone keeps."""

import io
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from PIL import Image
from sqlmodel import Session, select

from broadcast.airtime import begin_now
from broadcast.communes import get_commune
from broadcast.emergency import all_clear, raise_prepared
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastState,
    Delivery,
    DeliveryState,
    EmergencyRepeat,
    HeldPress,
    Node,
)
from broadcast.nodes import create_node, pair_node
from broadcast.phone_tree import set_contacts
from broadcast.pins import set_pin
from broadcast.policy import Check, Policy, set_policy
from broadcast.prepared import get_prepared
from broadcast.users import get_user
from players.messages import Severity
from players.signing import NodeKey
from tests.broadcast.airing_kit import render
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn
from web.live import Part
from web.templating import STATIC

TEXT = "Nước lên nhanh. Bà con sơ tán ngay."
PIN = "408173"
PRESS = {"key": "k" * 20, "zones": ["thon-dong"], "text": TEXT}


def ask_for(commune: Commune, check: Check) -> None:
    with commune.work() as session:
        policy = Policy(checks=dict.fromkeys(Severity, check), pin_days=30, confirm_minutes=5)
        set_policy(session, get_user(session, "leader"), policy, NOW)


def give_pin(commune: Commune, username: str = "head") -> None:
    with commune.work() as session:
        set_pin(session, get_user(session, username), PIN, NOW)


def audit_of(commune: Commune, action: str) -> list[AuditEntry]:
    with commune.work() as session:
        return list(session.exec(select(AuditEntry).where(AuditEntry.action == action)))


def raised(commune: Commune) -> list[Broadcast]:
    with commune.work() as session:
        return list(session.exec(select(Broadcast)))


async def review(browser: Browser) -> None:
    await browser.get("/khan-cap")
    await browser.send("main form", text=TEXT)


async def test_a_pin_is_set_asked_for_and_checked_before_it_sounds(browse: SignIn, commune: Commune) -> None:
    ask_for(commune, Check.PIN)
    head = await browse("head")
    await review(head)
    assert head.page.css_first("#pin") is not None
    await head.send("main form", pin=PIN)
    assert (head.answer.status_code, head.text("#error-pin").split(".")[0]) == (403, "Bạn chưa đặt mã PIN")
    password = commune.passwords["head"]
    await head.get("/khan-cap/pin")
    await head.send("main form", password="sai", pin=PIN, again=PIN)
    assert head.text("#error-password") == "Mật khẩu không đúng."
    await head.send("main form", password=password, pin=PIN, again="408174")
    assert head.page.css_first("#error-again") is not None
    await head.send("main form", password=password, pin=PIN, again=PIN)
    assert "Đã đặt mã PIN mới." in head.text("main")
    await review(head)
    await head.send("main form", pin="000111")
    assert head.text("#error-pin") == "Mã PIN không đúng."
    assert raised(commune) == []
    await head.send("main form", pin=PIN)
    assert head.path.startswith("/khan-cap/luot/x-")
    assert len(raised(commune)) == 1
    kept = [entry.detail for entry in audit_of(commune, "refuse-press")]
    assert [detail["why"] for detail in kept] == ["pin-unset", "pin-wrong"]
    assert PIN not in str(kept)


async def test_a_pin_that_has_expired_says_so(browse: SignIn, commune: Commune, clock: Clock) -> None:
    ask_for(commune, Check.PIN)
    give_pin(commune)
    clock.pass_time(timedelta(days=30))
    head = await browse("head")
    await review(head)
    await head.send("main form", pin=PIN)
    assert "đã hết hạn" in head.text("#error-pin")
    await head.get("/khan-cap/pin")
    assert "Mã PIN của bạn đã hết hạn." in head.text("main form")
    assert raised(commune) == []


async def test_guessing_a_pin_is_slow(api: Programs, commune: Commune, clock: Clock) -> None:
    ask_for(commune, Check.PIN)
    give_pin(commune)
    head = api("head")
    codes = [
        (await head.post("/api/emergencies", json={**PRESS, "pin": f"55501{n}"})).json()["error"]["code"]
        for n in range(6)
    ]
    assert codes == ["pin-wrong"] * 5 + ["too-many-tries"]
    blocked = await head.post("/api/emergencies", json={**PRESS, "pin": PIN})
    assert (blocked.status_code, int(blocked.headers["retry-after"]) > 0) == (429, True)
    assert [entry.detail for entry in audit_of(commune, "throttle-press")] == [{"count": 1}]
    clock.pass_time(timedelta(minutes=1))
    taken = await head.post("/api/emergencies", json={**PRESS, "pin": PIN})
    assert (taken.status_code, taken.json()["state"]) == (201, "raised")
    assert [entry.detail for entry in audit_of(commune, "throttle-press")] == [{"count": 1}, {"count": 2}]
    again = await head.post("/api/emergencies", json=PRESS)
    assert again.json() == taken.json(), "its answer was lost: it is sent again, and needs no PIN"


async def test_a_second_person_confirms_on_a_page(browse: SignIn, commune: Commune, clock: Clock) -> None:
    ask_for(commune, Check.SECOND_PERSON)
    head, leader, officer = await browse("head"), await browse("leader"), await browse("officer")
    await review(head)
    assert "người thứ hai xác nhận trong 5 phút" in head.text("main form")
    await head.send("main form")
    assert head.path.startswith("/khan-cap/cho/x-")
    held = head.path
    assert "Bà leader" in head.text("[data-held]")
    assert raised(commune) == []
    await officer.get(held)
    assert officer.answer.status_code == 404
    await leader.get("/khan-cap")
    assert TEXT in leader.text("section.card.bad")
    await leader.get("/")
    assert TEXT in leader.text("[data-waiting]")
    assert leader.attributes("[data-waiting] a")["href"] == held
    await officer.get("/")
    assert officer.page.css_first("[data-waiting]") is None
    await leader.get(held)
    await leader.send("main form", button="act=confirm")
    assert leader.path == held.replace("/cho/", "/luot/")
    await head.get(held)
    assert head.path == held.replace("/cho/", "/luot/")
    assert len(raised(commune)) == 1

    await review(head)
    await head.send("main form")
    late = head.path
    clock.pass_time(timedelta(minutes=5))
    await leader.get(late)
    assert "Không ai xác nhận" in leader.text("[data-held]")
    assert leader.page.css_first("main form") is None
    with commune.work() as session:
        assert len(session.exec(select(HeldPress)).all()) == 2
    assert len(raised(commune)) == 1


async def test_every_refused_press_is_in_the_audit_log(browse: SignIn, api: Programs, commune: Commune) -> None:
    for username, body, status, why in (
        ("officer", PRESS, 403, "role-not-allowed"),
        ("head", {**PRESS, "zones": ["thon-tay"]}, 403, "other-village"),
        ("head", {**PRESS, "text": "x" * 5_000}, 422, "too-long"),
        ("head", {**PRESS, "text": "", "template": "khong-co"}, 404, "no-prepared"),
        ("leader", {**PRESS, "kind": "all-clear", "follows": "x-none"}, 404, "no-emergency"),
    ):
        answer = await api(username).post("/api/emergencies", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, why)
        last = audit_of(commune, "refuse-press")[-1]
        assert (last.actor, last.detail["why"]) == (username, why)
    officer = await browse("officer")
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    answer = await officer.http.post("/khan-cap", data={"csrf": secret, **PRESS})
    assert answer.status_code == 403
    assert audit_of(commune, "refuse-press")[-1].actor == "officer"
    assert raised(commune) == []


async def test_a_program_gone_wild_does_not_fill_the_audit_log(api: Programs, commune: Commune) -> None:
    head = api("head")
    codes = [
        (await head.post("/api/emergencies", json={**PRESS, "text": ""})).json()["error"]["code"] for _ in range(62)
    ]
    assert codes[0] == "empty"
    assert codes[-1] == "too-many-tries"
    assert len(audit_of(commune, "refuse-press")) == 60


async def test_a_text_of_five_thousand_characters_is_refused_clearly_and_kept(browse: SignIn) -> None:
    head = await browse("head")
    await head.get("/khan-cap")
    await head.send("main form", text="nước " * 1_000)
    assert head.answer.status_code == 422
    assert head.text("#error-text") == "Nội dung quá dài: tối đa 600 ký tự."
    assert head.page.css_first("#text").text().startswith("nước nước")  # type: ignore[union-attr]


async def test_a_prepared_message_asks_for_its_slots_and_says_them(browse: SignIn, commune: Commune) -> None:
    head = await browse("head")
    await head.get("/khan-cap")
    assert {link.text().strip() for link in head.page.css(".sos a")} >= {"Bão", "Lũ, ngập", "Xả lũ", "Cháy", "Sơ tán"}
    await head.get("/khan-cap/tin/xa-lu")
    slots = {"slot-noi": "Hồ Đá Bàn", "slot-gio": "22:30", "slot-so": "nhiều lắm"}
    await head.send("main form", **slots)
    assert "số nguyên" in head.text("#error-so")
    assert head.attributes("#slot-noi")["value"] == "Hồ Đá Bàn"
    await head.send("main form", **{**slots, "slot-so": "350"})
    assert "ba trăm năm mươi mét khối" in head.text(".reading")
    await head.send("main form")
    assert "Hồ Đá Bàn xả lũ lúc 22 giờ 30 phút, lưu lượng 350 mét khối trên giây." in head.text("main")
    (made,) = raised(commune)
    assert (made.prepared_key, made.severity, made.is_drill) == ("xa-lu", Severity.EXTREME, False)


async def test_a_drill_looks_like_one_on_every_page_and_is_one(browse: SignIn, commune: Commune) -> None:
    head = await browse("head")
    await head.get("/khan-cap/tin/lu")
    assert head.page.css_first(".drill-sign") is None
    for path in ("/khan-cap?dien-tap=1", "/khan-cap/tin/lu?dien-tap=1"):
        await head.get(path)
        assert "DIỄN TẬP" in head.text(".is-drill .drill-sign")
    await head.send("main form")
    assert head.text(".is-drill h1") == "Diễn tập ngay?"
    await head.send("main form")
    assert "Diễn tập" in head.text(".is-drill h1")
    (made,) = raised(commune)
    assert made.is_drill
    await head.send("#all-clear", button="kind=all-clear")
    assert head.page.css_first(".is-drill") is not None, "what follows a drill is one"


async def test_a_village_whose_horns_are_all_silent_says_whom_to_call(browse: SignIn, commune: Commune) -> None:
    head, officer = await browse("head"), await browse("officer")
    await officer.get("/khan-cap/danh-ba")
    await officer.send('form[data-phones="thon-dong"]', contacts="Bà Sáu, 12")
    assert "Dòng 1 chưa đúng" in officer.text("#error-contacts")
    await officer.send('form[data-phones="thon-dong"]', contacts="Bà Sáu <b>, tổ trưởng, 0912 345 678")
    assert "Đã lưu danh bạ" in officer.text('[role="status"]')
    await head.get("/khan-cap")
    assert "Thôn chưa có cụm loa nào" in head.text('[data-unreachable="thon-dong"]')
    assert "Bà Sáu <b> tổ trưởng 0912345678" in head.text('[data-unreachable="thon-dong"]')
    with commune.work() as session:
        add_paired_pole(session)
    await head.get("/khan-cap")
    assert "Cả 1 cụm loa mất kết nối." in head.text('[data-unreachable="thon-dong"]')
    await review(head)
    assert "Thôn Đông (0/1 loa nối được)" in head.text("form[data-press]")
    await head.send("form[data-press]")
    assert head.attributes("tr[data-node]")["data-step"] == "offline"
    assert "0912345678" in head.text("#progress")
    await officer.get("/khan-cap/cac-thon")
    assert "0/1 loa nối được" in officer.text('[data-village="thon-dong"]')
    assert "0/1" in officer.text("[data-recent]")


def add_paired_pole(session: Session) -> None:
    _, code = create_node(session, get_commune(session), "dong-1", "Cột đình", ["thon-dong"], NOW)
    pair_node(session, code, NodeKey.generate().public_jwk(), NOW)


async def test_the_officer_changes_what_a_button_says(browse: SignIn, commune: Commune) -> None:
    officer = await browse("officer")
    await officer.get("/khan-cap/mau/tre-lac")
    await officer.send("main form", title="Tìm trẻ lạc", text="Tìm cháu {so} tuổi lạc ở {noi}, thấy {gio} và {la}.")
    assert "chưa" in officer.text("#error-text") or "không có ô" in officer.text("#error-text")
    await officer.send("main form", title="Tìm trẻ lạc", text="Tìm cháu {so} tuổi lạc ở {noi}, thấy {gio}.")
    assert officer.path == "/khan-cap/mau"
    assert "Tìm trẻ lạc" in officer.text('[data-prepared="tre-lac"]')
    await officer.get("/khan-cap/mau/moi")
    rows: dict[str, str | list[str]] = {
        "key": "sat-lo",
        "title": "Sạt lở",
        "text": "Sạt lở tại {noi}.",
        "is_active": "1",
        "severity": "extreme",
        "slot_name": ["noi", ""],
        "slot_label": ["Nơi sạt lở", ""],
        "slot_kind": ["place", "place"],
        "slot_default": ["sườn đồi", ""],
        "slot_choices": ["", ""],
    }
    await officer.send("main form", "", **rows)
    assert officer.path == "/khan-cap/mau"
    with commune.work() as session:
        made = get_prepared(session, "sat-lo")
        assert (made.severity, made.slots[0]["default"], made.is_active) == (Severity.EXTREME, "sườn đồi", True)
    head = await browse("head")
    await head.get("/khan-cap/tin/sat-lo")
    assert "sườn đồi" in head.text("#default-noi")
    await officer.get("/khan-cap/mau/sat-lo")
    await officer.send("main form", said_times="9")
    assert officer.answer.status_code == 422


async def test_the_commune_sets_what_is_asked_and_the_administrator_takes_a_pin_away(
    browse: SignIn, commune: Commune
) -> None:
    leader, admin = await browse("leader"), await browse("admin")
    await leader.get("/khan-cap/quy-dinh")
    await leader.send("main form", **{"check-extreme": "pin", "confirm_minutes": "0"})
    assert leader.page.css_first("#error-confirm_minutes") is not None
    await leader.send("main form", **{"check-extreme": "pin", "confirm_minutes": "3", "pin_days": "90"})
    assert "Đã lưu quy định" in leader.text('[role="status"]')
    give_pin(commune)
    await admin.get("/khan-cap/quy-dinh")
    assert "Còn hạn" in admin.text('[data-pin="head"]')
    await admin.press('[data-pin="head"] button')
    assert "Chưa đặt" in admin.text('[data-pin="head"]')
    assert [entry.subject for entry in audit_of(commune, "reset-pin")] == ["head"]


async def test_what_the_phone_keeps_holds_no_secret(api: Programs, nobody: Browser) -> None:
    board = (await api("head").get("/api/emergencies/board")).json()
    assert [zone["slug"] for zone in board["zones"]] == ["thon-dong"]
    assert {"key": "chay", "title": "Cháy"}.items() <= next(
        one for one in board["messages"] if one["key"] == "chay"
    ).items()
    page = await nobody.get("/khan-cap/ngoai-tuyen")
    assert page.css_first("[data-user]") is None
    assert 'name="csrf"' not in nobody.answer.text
    worker = await nobody.http.get("/khan-cap-sw.js")
    assert worker.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in worker.headers["content-security-policy"]
    kept = re.findall(r'"(/[^"]+)"', worker.text)
    for path in kept:
        answer = await nobody.http.get(path)
        assert answer.status_code == 200, path


async def test_the_manifest_names_icons_that_are_there(nobody: Browser) -> None:
    manifest = (await nobody.http.get("/khan-cap.webmanifest")).json()
    assert (manifest["start_url"], manifest["scope"], manifest["lang"]) == ("/khan-cap", "/khan-cap", "vi")
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        answer = await nobody.http.get(icon["src"])
        image = Image.open(io.BytesIO(answer.content))
        assert f"{image.width}x{image.height}" == icon["sizes"]
        corner = image.convert("RGBA").getpixel((0, 0))
        assert isinstance(corner, tuple)
        assert (corner[3] == 255) == (icon["purpose"] == "maskable")
    assert (await nobody.http.get("/khan-cap/bieu-tuong-9.png")).status_code == 422


async def test_another_file_is_another_version(
    nobody: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await nobody.http.get("/khan-cap-sw.js")).text
    assert (await nobody.http.get("/khan-cap-sw.js")).text == before
    changed = tmp_path / "static"
    shutil.copytree(STATIC, changed)
    with (changed / "emergency.js").open("a") as script:
        script.write("// new\n")
    monkeypatch.setattr("web.pages.emergency_app.STATIC", changed)
    after = (await nobody.http.get("/khan-cap-sw.js")).text
    assert re.findall("loalang-khan-cap-[0-9a-f]{16}", before) != re.findall("loalang-khan-cap-[0-9a-f]{16}", after)


async def test_a_drill_is_counted_apart_in_the_log(api: Programs, browse: SignIn) -> None:
    for number, is_drill in enumerate((False, True, True)):
        press = {**PRESS, "key": f"counted-{number}", "drill": is_drill}
        assert (await api("head").post("/api/emergencies", json=press)).status_code == 201
    leader = await browse("leader")
    await leader.get("/nhat-ky")
    assert "1 lượt phát và 2 diễn tập" in leader.text("main")


async def test_what_is_said_again_stays_on_the_page_with_its_next_time_until_the_all_clear(
    browse: SignIn, commune: Commune, clock: Clock
) -> None:
    with commune.work() as session:
        storm = get_prepared(session, "bao")
        storm.repeat_every_minutes, storm.repeat_opens, storm.repeat_closes = 60, "07:00", "20:00"
        session.add(storm)
        pressed = raise_prepared(session, get_user(session, "head"), ["thon-dong"], "bao", {}, NOW, "press-0001").id
        rule = session.get_one(EmergencyRepeat, pressed)
        rule.next_at = NOW + timedelta(hours=22)
    clock.pass_time(timedelta(hours=13))  # 23:00
    head = await browse("head")
    await head.get("/khan-cap")
    assert "Lần tới: 23/09/2026 08:00" in head.text(f'[data-recent="{pressed}"] [data-again]')
    await head.get("/24-gio-toi?thon=thon-dong")
    assert f"{pressed}-r1" in head.answer.text
    with commune.work() as session:
        all_clear(session, get_user(session, "head"), pressed, clock.now, "press-0002")
    await head.get("/khan-cap")
    assert head.page.css_first(f'[data-recent="{pressed}"]') is None


def end_at(commune: Commune, pressed: str, node: str, state: DeliveryState) -> None:
    """What became of it at a pole."""
    with commune.work() as session:
        query = select(Delivery).join(Node).where(Delivery.broadcast_id == pressed, Node.slug == node)
        delivery = session.exec(query).one()
        delivery.state = state
        session.add(delivery)


async def test_whom_to_call_is_shown_by_village_while_nothing_sounded_there_and_some_hours_after(
    browse: SignIn, commune: Commune, clock: Clock
) -> None:
    with commune.work() as session:
        for slug, zone in (("dong-1", "thon-dong"), ("tay-1", "thon-tay")):
            _, code = create_node(session, get_commune(session), slug, slug, [zone], NOW)
            pair_node(session, code, NodeKey.generate().public_jwk(), NOW)
            set_contacts(session, get_user(session, "officer"), zone, f"Bà {zone}, tổ trưởng, 0912 345 678", NOW)
        both = ["thon-dong", "thon-tay"]
        broadcast = raise_prepared(session, get_user(session, "leader"), both, "xa-lu", {}, NOW, "press-0001")
        render(session, broadcast, NOW)
        begin_now(session, broadcast.id, NOW)
        pressed = broadcast.id
    leader, shown = await browse("leader"), f"/khan-cap/luot/{pressed}"

    async def look() -> tuple[list[str | None], list[str | None]]:
        await leader.get(shown)
        villages = leader.page.css("#progress [data-unreachable]")
        steps = leader.page.css('tr[data-node="tay-1"]')
        return [one.attributes["data-unreachable"] for one in villages], [one.attributes["data-step"] for one in steps]

    assert await look() == (both, ["offline"])
    end_at(commune, pressed, "dong-1", DeliveryState.PLAYED)
    assert await look() == (["thon-tay"], ["offline"])
    with commune.work() as session:
        row = session.get_one(Broadcast, pressed)
        row.state, row.ended_at = BroadcastState.AIRED, NOW
        session.add(row)
    end_at(commune, pressed, "tay-1", DeliveryState.SILENT)
    assert await look() == (["thon-tay"], ["offline"]), "its order still holds: it may come back"
    clock.pass_time(timedelta(minutes=20))
    assert await look() == (["thon-tay"], ["silent"])
    clock.pass_time(timedelta(hours=3))
    assert await look() == ([], ["silent"])


async def test_who_may_confirm_is_told_and_who_pressed_sees_whom_to_call_and_what_became_of_it(
    app: FastAPI, browse: SignIn, commune: Commune, clock: Clock
) -> None:
    ask_for(commune, Check.SECOND_PERSON)
    with commune.work() as session:
        set_contacts(session, get_user(session, "officer"), "thon-tay", "bà leader, phó chủ tịch, 0912 345 678", NOW)
    head, leader = await browse("head"), await browse("leader")
    await review(head)
    await head.send("main form")
    assert head.attributes("[data-held] .phones a") == {"href": "tel:0912345678"}
    assert head.attributes("#progress")["data-events"] == f"{head.path}/truc-tiep"
    assert "Xác nhận trước" in head.text("#progress")
    await app.state.station.alarms.look()
    await leader.get("/")
    assert f"chờ người thứ hai xác nhận: {TEXT}" in leader.text('[sse-swap="alarms"]')
    assert "Bà head đã bấm." in leader.text('[sse-swap="alarms"]')
    part = Part("held", "thon-dong", head.path.rpartition("/")[2])
    held = head.path
    await leader.get(held)
    await leader.send("main form", button="act=confirm")
    shown = app.state.station.render_parts([part])[part]
    assert "Đã xác nhận: loa đang phát." in shown
    assert app.state.station.render_parts([Part("held", "thon-tay", part.subject)]) == {}


async def test_a_refused_word_on_anothers_press_is_in_the_audit_log(
    browse: SignIn, commune: Commune, clock: Clock
) -> None:
    ask_for(commune, Check.SECOND_PERSON)
    head, leader = await browse("head"), await browse("leader")
    await review(head)
    await head.send("main form")
    await leader.get(head.path)
    clock.pass_time(timedelta(minutes=6))
    await leader.send("main form", button="act=confirm")
    assert "Đã quá giờ xác nhận." in leader.text("main")
    (entry,) = audit_of(commune, "refuse-press")
    assert (entry.actor, entry.detail) == ("leader", {"why": "press-expired", "act": "confirm"})
    assert entry.subject == head.path.rpartition("/")[2]
