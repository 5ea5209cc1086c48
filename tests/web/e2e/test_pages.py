"""The pages as people use them, with real poles: a pole's, the administrator's; also without scripts."""

import re

import pyotp
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.e2e.accessibility import grave_findings
from tests.web.e2e.conftest import People
from tests.web.e2e.test_journeys import no_sideways_scrolling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SLOWLY = 90_000
"""Milliseconds that rendering or a pole may take on a busy machine."""


def look_over(page: Page) -> None:
    """It fits its screen and axe finds nothing serious."""
    assert no_sideways_scrolling(page), page.url
    assert grave_findings(page) == [], page.url


def until(page: Page, wanted: Locator, path: str) -> None:
    """Load a page that is not live again until it shows what is waited for."""
    for _ in range(60):
        page.goto(path)
        try:
            expect(wanted.first).to_be_attached(timeout=1000)
        except AssertionError:
            continue
        return
    expect(wanted.first).to_be_attached()


# A pole that was just tried out is not tried again for 20 s: each its own, and only one is seen to sound.
@pytest.mark.parametrize(("screen", "slug"), [("desktop", "dong-1"), ("phone", "tay-1")])
def test_a_pole_is_placed_by_touch_and_tried_out(people: People, screen: str, slug: str) -> None:
    admin, officer = people.sign_in("quantri", screen), people.sign_in("canbo", screen)
    admin.goto(f"/cum-loa/{slug}")
    canvas = admin.locator('[data-map="place"][data-ready]')
    expect(canvas).to_be_visible()
    canvas.click(position={"x": 120, "y": 90})
    expect(admin.get_by_label("Vĩ độ")).to_have_value(re.compile(r"^\d+[.,]\d{6}$"))
    look_over(admin)
    admin.get_by_role("button", name="Lưu", exact=True).click()
    expect(admin.get_by_text("Đã lưu cụm loa.")).to_be_visible()

    officer.goto("/")
    pole = officer.locator(f'[data-map="watch"] [data-pole="{slug}"]')
    expect(pole.locator(".sign-online, .sign-playing")).to_be_visible()
    look_over(officer)
    admin.get_by_role("button", name="Thử loa ngay").click()
    expect(admin.get_by_text("Đã gửi lệnh thử loa.")).to_be_visible()
    if slug == "dong-1":
        expect(pole.locator(".sign-playing")).to_be_visible(timeout=SLOWLY)  # without reloading
    until(admin, admin.locator("[data-trial]", has_text="Đã phát"), f"/cum-loa/{slug}/tai-cho")
    look_over(admin)
    assert people.complaints == []


def test_a_pole_is_placed_and_tried_out_without_scripts(people: People) -> None:
    admin = people.sign_in("quantri", "phone", scripts=False)
    admin.goto("/cum-loa/tay-1")
    admin.get_by_label("Vĩ độ").fill("20,9478")
    admin.get_by_label("Kinh độ").fill("105,8014")
    admin.get_by_role("button", name="Lưu", exact=True).click()
    expect(admin.get_by_text("Đã lưu cụm loa.")).to_be_visible()
    admin.goto("/cum-loa/tay-1/tai-cho")
    admin.get_by_role("button", name="Thử loa ngay").click()
    until(admin, admin.locator("[data-trial]", has_text="Đã phát"), "/cum-loa/tay-1/tai-cho")


@pytest.mark.parametrize(("screen", "scripts"), [("desktop", True), ("phone", False)])
def test_the_administrator_adds_a_person_a_factor_a_token_and_a_backup(
    people: People, screen: str, *, scripts: bool
) -> None:
    admin = people.sign_in("quantri", screen, scripts=scripts)
    username = f"moi-{screen}"

    def seen(path: str) -> None:
        admin.goto(path)
        if scripts:
            look_over(admin)

    seen("/nguoi-dung")
    admin.get_by_label("Họ tên hoặc chức danh").fill("Cán bộ mới")
    admin.get_by_label("Tên đăng nhập (không dấu)").fill(username)
    admin.get_by_label("Vai trò").select_option(label="Cán bộ văn hóa")
    admin.get_by_role("button", name="Thêm và lấy mật khẩu").click()
    people.house.passwords[username] = admin.locator(".code").inner_text()
    newcomer = people.sign_in(username, screen, scripts=scripts)
    newcomer.goto("/hai-lop")
    newcomer.get_by_role("button", name="Bắt đầu").click()
    expect(newcomer.get_by_alt_text("Mã QR của xác thực hai lớp")).to_be_visible()
    secret = newcomer.locator("[data-secret]").inner_text()
    newcomer.get_by_label("Mã trên điện thoại").fill(pyotp.TOTP(secret).now())
    newcomer.get_by_role("button", name="Bật xác thực hai lớp").click()
    spare = newcomer.locator("[data-codes] code").first.inner_text()
    if scripts:
        look_over(newcomer)
    enter_with_code(people, newcomer, username, spare)

    seen("/ma-truy-cap")
    admin.get_by_label("Dùng cho việc gì").fill(f"Bảng {screen}")
    admin.get_by_label("xem", exact=True).check()
    admin.get_by_role("button", name="Tạo và lấy mã").click()
    token = admin.locator(".code").inner_text()
    answer = admin.request.get("/api/nodes", headers={"authorization": f"Bearer {token}"})
    assert answer.ok
    seen("/sao-luu")
    before = admin.locator("[data-backup]").count()
    admin.get_by_label("Tôi biết tệp chứa khóa của xã").check()
    admin.get_by_role("button", name="Sao lưu ngay").click()
    expect(admin.get_by_text("Đã sao lưu xong.")).to_be_visible(timeout=SLOWLY)
    expect(admin.locator("[data-backup]")).to_have_count(before + 1)
    seen("/nhat-ky-he-thong?kiem=1")
    expect(admin.locator("[data-verified]")).to_contain_text("Nhật ký nguyên vẹn.")
    seen("/suc-khoe")
    assert people.complaints == []


@pytest.mark.parametrize(("screen", "scripts"), [("desktop", True), ("phone", True), ("phone", False)])
def test_the_administrator_sets_the_commune_up(people: People, screen: str, *, scripts: bool) -> None:
    """From the menu to each page: a village added and removed, a role changed, a chime chosen, a webhook and a pole."""
    admin = people.sign_in("quantri", screen, scripts=scripts)
    mark = f"{screen}-{'js' if scripts else 'plain'}"

    def open_from_menu(title: str) -> None:
        admin.goto("/them")
        admin.locator("main").get_by_role("link", name="Quản trị", exact=True).click()
        admin.locator("main").get_by_role("link", name=title, exact=True).click()
        if scripts:
            look_over(admin)

    if scripts:
        admin.on("dialog", lambda dialog: dialog.accept())
    open_from_menu("Xã và các thôn")
    admin.get_by_label("Tên thôn").fill(f"Thôn Mới {mark}")
    admin.get_by_role("button", name="Thêm thôn").click()
    village = admin.locator(f'[data-zone="thon-moi-{mark}"]')
    village.get_by_role("link", name=re.compile("^Sửa")).click()
    if scripts:
        look_over(admin)
    admin.get_by_label("Tên thôn").fill(f"Thôn Cũ {mark}")
    admin.get_by_role("button", name="Lưu tên").click()
    expect(village).to_contain_text(f"Thôn Cũ {mark}")
    village.get_by_role("link", name=re.compile("^Sửa")).click()
    admin.get_by_role("button", name="Xóa thôn này").click()
    expect(admin.get_by_text("Đã xóa thôn.")).to_be_visible()
    expect(village).to_have_count(0)

    open_from_menu("Vai trò")
    expect(admin.locator('[data-duty="manage-nodes"] td[data-may]')).to_have_count(1)
    open_from_menu("Nhạc hiệu")
    admin.get_by_role("radio", name="Trống làng").check()
    admin.locator('[data-chime="normal"]').get_by_role("button", name="Dùng tiếng này").click()
    expect(admin.get_by_text("Đã chọn nhạc hiệu.")).to_be_visible()
    if scripts:
        drum = admin.locator('audio[src$="/drum.wav"]')
        drum.evaluate(
            "sound => new Promise((well, bad) => { sound.oncanplay = well; sound.onerror = bad; sound.load(); })"
        )
    open_from_menu("Webhook")
    admin.get_by_label("Báo cho ai").fill(f"Trực ban {mark}")
    admin.get_by_label("Địa chỉ nhận").fill("https://127.0.0.1:9/bao-dong")
    admin.get_by_role("button", name="Thêm và lấy khóa ký").click()
    expect(admin.locator("[data-secret]")).to_have_text(re.compile(r"^\S{40,}$"))
    admin.get_by_role("button", name="Gửi thử").click()
    expect(admin.get_by_role("alert")).to_contain_text("Không gửi được")  # an address of this machine: not by default
    if scripts:
        look_over(admin)
    admin.get_by_role("button", name="Bỏ webhook này").click()
    expect(admin.get_by_text("Đã bỏ webhook.")).to_be_visible()

    open_from_menu("Cụm loa")
    admin.get_by_label("Tên", exact=True).fill(f"Cột {mark}")
    admin.get_by_label("Tên ngắn (không dấu)").fill(f"cot-{mark}")
    admin.get_by_label("Thôn Tây").check()
    admin.get_by_role("button", name="Thêm và lấy mã ghép").click()
    expect(admin.get_by_role("status").locator(".code")).to_have_text(re.compile(r"^[A-Z2-9]{8}$"))
    expect(admin.get_by_role("img", name="Mã QR để ghép cụm loa")).to_be_visible()
    pole = admin.locator(f'[data-node="cot-{mark}"]')
    pole.get_by_role("button", name="Thu hồi").click()
    expect(admin.get_by_text("Đã thu hồi quyền của cụm loa.")).to_be_visible()
    open_from_menu("Giờ và hạn mức")
    village_rules = admin.locator('[data-rules="thon-tay"]')
    village_rules.get_by_label("Số lần phát mỗi ngày").fill("99")
    village_rules.get_by_role("button", name="Lưu").click()
    expect(village_rules.get_by_label("Số lần phát mỗi ngày")).to_have_value("99")
    assert [one for one in people.complaints if "502" not in one] == []


def enter_with_code(people: People, page: Page, username: str, code: str) -> None:
    """Sign out, and in again by password and code."""
    page.goto("/them")
    page.locator("main").get_by_role("button", name="Đăng xuất").click()
    page.goto("/dang-nhap")
    page.get_by_label("Tên đăng nhập").fill(username)
    page.get_by_label("Mật khẩu").fill(people.house.passwords[username])
    page.get_by_role("button", name="Đăng nhập").click()
    page.get_by_label("Mã sáu số, hoặc một mã dự phòng").fill(code)
    page.get_by_role("button", name="Vào", exact=True).click()
    expect(page.locator("main h1")).to_have_text("Đang phát")
