"""What an administrator sets for the commune: villages, roles, chimes, webhooks; and the page that names it all."""

import io
import wave

import pytest
from sqlmodel import select

from broadcast.communes import get_commune, tunes_of
from broadcast.models import AuditEntry, Role, Webhook
from broadcast.nodes import create_node
from broadcast.permissions import ALLOWED, Action, may
from broadcast.typed_text import slug_of
from broadcast.users import get_user
from broadcast.zones import list_zones
from tests.broadcast.test_notify_sending import receiving
from tests.web.conftest import NOW, Browser, Clock, Commune, SignIn, serving
from tts.chimes import TUNES, Chime
from web.pages.administration import DUTIES
from web.pages.chimes import KINDS, TUNE_NAMES
from web.parts import START_ORDER, renderers
from web.settings import load_settings


def written(commune: Commune) -> list[str]:
    with commune.work() as session:
        return [entry.action for entry in session.exec(select(AuditEntry))]


async def test_everything_that_is_set_is_found_from_the_menu(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/")
    menu = {link.attributes["href"] for link in admin.page.css("nav.menu a")}
    assert "/quan-tri" in menu
    await admin.get("/quan-tri")
    paths = [link.attributes["href"] or "" for link in admin.page.css("main li a")]
    wanted = {"/nguoi-dung", "/vai-tro", "/thon", "/hai-lop", "/ma-truy-cap", "/giong-doc", "/tu-dien", "/nhac-hieu"}
    wanted |= {"/gio-phat", "/nguon-tin", "/webhook", "/sao-luu", "/nhat-ky-he-thong", "/suc-khoe"}
    assert wanted <= set(paths)
    for path in paths:
        await admin.get(path)
        assert admin.answer.status_code == 200, path


async def test_it_says_how_things_stand(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/quan-tri")
    said = {
        link.attributes["href"]: (link.parent.parent.parent.css_first(".state") or link).text()  # type: ignore[union-attr]
        for link in admin.page.css("main li a")
    }
    assert said["/nguoi-dung"] == "Số người: 5, bật hai lớp: 0"
    assert (said["/thon"], said["/webhook"], said["/gop-y"]) == ("Số thôn: 2", "Số webhook: 0", "đang đóng")


async def test_a_village_is_added_renamed_drawn_and_removed(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/thon")
    await admin.send("form[data-add-village]", name="Thôn Đồng Đế 2")
    assert "Đã lưu thôn." in admin.text("[data-done]")
    assert admin.text('[data-zone="thon-dong-de-2"] b') == "Thôn Đồng Đế 2"
    await admin.get("/thon/thon-dong-de-2")
    await admin.send("form[data-rename]", name="Thôn Đế")
    assert admin.text('[data-zone="thon-dong-de-2"] b') == "Thôn Đế"
    outline = "20,95, 105,80\n20.96, 105.80\n20.96, 105.81"
    await admin.get("/ban-do/thon/thon-dong-de-2")
    await admin.send("main form", outline=outline.replace("20,95, 105,80", "20.95, 105.80"))
    await admin.get("/thon")
    assert admin.text('[data-zone="thon-dong-de-2"] .chip') == "Đã vẽ"
    await admin.get("/thon/thon-dong-de-2")
    await admin.send("form[data-remove]")
    assert admin.page.css_first('[data-zone="thon-dong-de-2"]') is None
    assert written(commune)[-4:] == ["create-zone", "rename-zone", "set-outline", "remove-zone"]


async def test_a_village_that_is_used_says_by_what_and_stays(browse: SignIn, commune: Commune) -> None:
    with commune.work() as session:
        create_node(session, get_commune(session), "dong-1", "Cột 1", ["thon-dong"], NOW)
    admin = await browse("admin")
    await admin.get("/thon")
    assert "1 cụm loa" in admin.text('[data-zone="thon-dong"]')
    await admin.get("/thon/thon-dong")
    assert admin.page.css_first("form[data-remove] button") is None
    await admin.send("form[data-remove]")  # as one would that was open before the pole was added
    assert admin.answer.status_code == 409
    assert "còn cụm loa (1), tài khoản trưởng thôn (1)" in admin.text("[role=alert]")
    with commune.work() as session:
        assert [zone.slug for zone in list_zones(session)] == ["thon-dong", "thon-tay"]


@pytest.mark.parametrize(
    ("typed", "status", "field"),
    [
        ({"name": ""}, 422, "slug"),
        ({"name": "…"}, 422, "slug"),
        ({"name": "x" * 101, "slug": "x"}, 422, "name"),
        ({"name": "Thôn Bắc", "slug": "Thôn Bắc"}, 422, "slug"),
        ({"name": "Thôn Đông"}, 409, ""),
    ],
)
async def test_what_cannot_be_a_village_stays_in_the_form(
    browse: SignIn, typed: dict[str, str], status: int, field: str
) -> None:
    admin = await browse("admin")
    await admin.get("/thon")
    await admin.send("form[data-add-village]", **typed)
    assert admin.answer.status_code == status
    assert admin.attributes("#name")["value"] == typed["name"]
    assert admin.page.css_first("[role=alert]") is not None
    if field:
        assert "aria-invalid" in admin.attributes(f"form[data-add-village] #{field}")


async def test_the_commune_is_called_otherwise_on_every_page(browse: SignIn) -> None:
    admin = await browse("admin")
    await admin.get("/thon")
    await admin.send("form[data-name-commune]", name="Xã <b>An</b> Hòa")
    assert admin.text(".house small") == "Xã <b>An</b> Hòa"
    await admin.send("form[data-name-commune]", name=" ")
    assert admin.answer.status_code == 422
    assert "aria-invalid" in admin.attributes("#commune")


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Thôn Đông 1", "thon-dong-1"), ("  Ấp «Mỹ Hòa» ", "ap-my-hoa"), ("Khu phố 3", "khu-pho-3"), ("…", "")],
)
def test_a_short_name_is_made_of_a_vietnamese_one(name: str, slug: str) -> None:
    assert slug_of(name) == slug


async def test_somebody_gets_another_role_and_must_sign_in_again(browse: SignIn, commune: Commune) -> None:
    admin, officer = await browse("admin"), await browse("officer2")
    await admin.get("/nguoi-dung/officer2")
    await admin.send("form[data-change]", name="Ông Năm", role="village-head", zone="thon-tay")
    assert "Trưởng thôn, Thôn Tây" in admin.text('[data-user="officer2"]')
    assert (await officer.http.get("/ban-tin")).status_code in {303, 401}
    await admin.get("/nguoi-dung/officer2")
    await admin.send("form[data-change]", name="Ông Năm", role="leader", zone="thon-tay")
    assert admin.answer.status_code == 422
    assert "chỉ trưởng thôn" in admin.text("#error-zone")
    await admin.get("/nguoi-dung/khong-co")
    assert admin.answer.status_code == 404


async def test_an_administrator_stays_one(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/nguoi-dung/admin")
    assert admin.page.css_first("select#role") is None
    await admin.send("form[data-change]", name="Bà Tư", role="officer")
    assert admin.answer.status_code == 403
    with commune.work() as session:
        assert get_user(session, "admin").role is Role.ADMINISTRATOR


async def test_the_table_of_roles_is_the_one_that_decides(browse: SignIn) -> None:
    assert set(DUTIES) == set(Action)
    admin = await browse("admin")
    await admin.get("/vai-tro")
    for action in Action:
        allowed = [cell.text(strip=True) for cell in admin.page.css(f'[data-duty="{action}"] td[data-may] .who')]
        assert len(allowed) == len(ALLOWED[action])
    with_poles = [cell.text(strip=True) for cell in admin.page.css('[data-duty="manage-nodes"] .who')]
    assert with_poles == ["Quản trị"]


async def test_a_chime_is_listened_to_and_chosen(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/nhac-hieu")
    sounds = [one.attributes["src"] or "" for one in admin.page.css("audio")]
    assert len(sounds) == sum(len(tunes) for tunes in TUNES.values())
    for sound in sounds:
        answer = await admin.http.get(sound)
        with wave.open(io.BytesIO(answer.content)) as file:
            assert file.getnframes() / file.getframerate() > 2
    await admin.send('form[data-chime="normal"]', tune="drum")
    assert "Đã chọn nhạc hiệu." in admin.text("[data-done]")
    assert "Đang dùng" in admin.text('form[data-chime="normal"] label:has(input[value="drum"])')
    with commune.work() as session:
        assert tunes_of(session) == {Chime.NORMAL: "drum"}
    assert written(commune)[-1] == "set-chime"
    await admin.send('form[data-chime="drill"]', tune="siren")  # a drill never sounds like the real thing
    assert admin.answer.status_code == 422
    for path in ("/nhac-hieu/normal/siren.wav", "/nhac-hieu/none/bells.wav"):
        assert (await admin.http.get(path)).status_code == 404


def test_every_chime_and_tune_has_its_name() -> None:
    assert set(KINDS) == set(Chime)
    assert set(TUNE_NAMES) == {tune for tunes in TUNES.values() for tune in tunes}


async def test_a_webhook_is_added_tried_changed_and_removed(commune: Commune, clock: Clock) -> None:
    """By a server that is allowed to call addresses of this machine."""
    data_dir = commune.settings.data_dir
    settings = load_settings(None, {}, data_dir=data_dir, mqtt={"mode": "memory"}, notify={"allow_inner": True})
    without = tuple(start for start in START_ORDER if start is not renderers)
    with receiving() as receiver:
        async with serving(settings, clock, without) as app:
            admin = Browser(app)
            await admin.sign_in("admin", commune.passwords["admin"])
            await admin.get("/webhook")
            assert "Chưa có webhook nào." in admin.text("main")
            await admin.send("form[data-add-webhook]", name="Trực ban", url=receiver.url)
            secret = admin.text("[data-secret]")
            await admin.get("/webhook")
            await admin.get(admin.attributes("[data-webhook] a")["href"])
            assert secret not in admin.answer.text  # shown once
            await admin.press('button[formaction$="/thu"]')
            assert "Đã gửi tin thử tới webhook." in admin.text("[data-done]")
            assert b'"is_test": true' in receiver.got[0][1]
            receiver.answers = [503]
            await admin.press('button[formaction$="/thu"]')
            assert admin.answer.status_code == 502
            assert "503" in admin.text("[role=alert]")
            await admin.send("form[data-change]", is_active=[])
            await admin.get("/webhook")
            assert "Đang tắt" in admin.text("[data-webhook]")
            await admin.get(admin.attributes("[data-webhook] a")["href"])
            await admin.press('button[formaction$="/khoa-moi"]')
            assert admin.text("[data-secret]") != secret
            await admin.press('button[formaction$="/bo"]')
            assert admin.page.css_first("[data-webhook]") is None
            await admin.http.aclose()
    told = [action for action in written(commune) if "webhook" in action]
    assert told == ["add-webhook", "change-webhook", "renew-webhook", "remove-webhook"]


async def test_an_address_that_may_not_be_called_is_refused_in_the_form(browse: SignIn, commune: Commune) -> None:
    admin = await browse("admin")
    await admin.get("/webhook")
    await admin.send("form[data-add-webhook]", name="Trực ban", url="http://127.0.0.1/x")
    assert admin.answer.status_code == 422
    assert "https://" in admin.text("#error-url")
    assert admin.attributes("#url")["value"] == "http://127.0.0.1/x"
    with commune.work() as session:
        assert session.exec(select(Webhook)).all() == []


async def test_these_pages_are_the_administrators(browse: SignIn, commune: Commune) -> None:
    with commune.work() as session:
        assert not may(get_user(session, "leader"), Action.MANAGE_USERS)
    leader = await browse("leader")
    await leader.get("/")
    menu = {link.attributes["href"] for link in leader.page.css("nav.menu a")}
    assert menu.isdisjoint({"/quan-tri", "/thon", "/nhac-hieu", "/webhook"})
    assert "/gio-phat" in menu
