"""What people do, in a browser, with real nodes at the other end."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.e2e.accessibility import grave_findings
from tests.web.e2e.conftest import People
from tests.web.e2e.pressing import hold

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SCRIPT = (
    "Mời bà con thôn Đông họp lúc 14h30 ngày 22/9/2026 tại NVH thôn, bàn việc làm 1,5 km đường bê tông. "
    "Kinh phí 250.000.000đ, mỗi hộ góp 3 ngày công. Đề nghị bà con đến đúng giờ, mang theo sổ hộ khẩu và CCCD."
)


def no_sideways_scrolling(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def length_of(audio: Locator) -> float:
    """Seconds the player holds, told by its own event: the page's policy forbids polling by eval."""
    return float(
        audio.evaluate(
            """audio => audio.readyState >= 1 ? audio.duration : new Promise(done =>
                 audio.addEventListener("loadedmetadata", () => done(audio.duration), {once: true}))"""
        )
    )


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_bulletin_from_typing_to_the_log(people: People, screen: str) -> None:
    officer, leader = people.sign_in("canbo", screen), people.sign_in("lanhdao", screen)
    officer.goto("/soan")
    title = f"Họp thôn ({screen})"
    officer.get_by_label("Tiêu đề").fill(title)
    officer.get_by_label("Nội dung bản tin").press_sequentially(SCRIPT[:40])
    officer.get_by_label("Nội dung bản tin").fill(SCRIPT)
    reading = officer.locator("#reading")
    expect(reading).to_contain_text("hai trăm năm mươi triệu đồng")
    expect(reading.locator("mark", has_text="14h30")).to_contain_text("mười bốn giờ ba mươi")
    officer.get_by_label("Thôn Đông").check()
    officer.get_by_label("Ngay sau khi duyệt").check()
    expect(officer.get_by_label("Giờ", exact=True)).to_be_hidden()
    officer.get_by_role("button", name="Nghe thử").click()
    expect(officer.locator("#sound audio")).to_have_attribute(
        "src", re.compile(r"^/clips/[0-9a-f]{64}$"), timeout=60_000
    )
    assert length_of(officer.locator("#sound audio")) > 10
    assert no_sideways_scrolling(officer)
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator(".head")).to_contain_text("Chờ duyệt")

    leader.goto("/duyet")
    leader.locator(".card", has_text=title).get_by_role("link", name="Xem cách đọc và chi tiết").click()
    expect(leader.locator(".reading")).to_contain_text("mười bốn giờ ba mươi")
    officer.goto("/")
    assert no_sideways_scrolling(leader)
    leader.get_by_label("Tôi đã nghe bản tin này").check()
    leader.get_by_role("button", name="Duyệt cho phát").click()
    expect(leader.get_by_role("status").first).to_contain_text("Đã duyệt")

    # Without reloading: on the air, at the pole of that village and at no other.
    on_air = officer.locator("article.live", has_text=title)
    expect(on_air).to_be_visible(timeout=60_000)
    expect(on_air.get_by_role("button", name="Dừng ở đây")).to_have_count(1)
    expect(officer.locator('[data-node="dong-1"]')).to_contain_text("Đang phát")
    expect(officer.locator('[data-node="tay-1"]')).to_contain_text("Đang kết nối")
    expect(on_air.locator("[data-until]")).to_contain_text("còn")
    officer.on("dialog", lambda dialog: dialog.accept())
    on_air.get_by_role("button", name="Dừng tất cả").click()
    expect(officer.get_by_text("Đã gửi lệnh dừng.")).to_be_visible()
    expect(officer.get_by_text("Không có gì đang phát.")).to_be_visible()
    expect(officer).to_have_url(re.compile(r"/$"))
    expect(officer.get_by_text("Đã gửi lệnh dừng.")).to_be_hidden(timeout=30_000)

    officer.goto("/nhat-ky")
    logged = officer.locator("[data-broadcast]", has_text=title)
    row = logged.locator('tr[data-node="dong-1"]')
    for _ in range(20):  # the pole's own report comes a moment after the order
        if row.get_by_text("Bị cắt").count():
            break
        officer.reload()
    expect(row).to_contain_text("Bị cắt")
    expect(row).to_contain_text("Được lệnh dừng.")
    expect(row.locator("time")).to_have_count(2)
    assert no_sideways_scrolling(officer)
    assert people.complaints == []


def test_a_village_head_warns_his_village_from_a_phone(people: People) -> None:
    head = people.sign_in("truongthon-dong", "phone")
    head.get_by_role("link", name="Khẩn cấp").click()
    head.get_by_label("Nội dung").fill("Nước sông lên BĐ3. Bà con thôn Đông sơ tán ngay.")
    head.get_by_role("button", name="Xem lại và phát").click()
    expect(head.locator(".reading")).to_contain_text("báo động ba")
    button = head.get_by_role("button", name="PHÁT NGAY")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    hold(button)
    pole = head.locator('tr[data-node="dong-1"]')
    expect(pole).to_contain_text("Đang phát", timeout=60_000)
    expect(head.locator('tr[data-node="tay-1"]')).to_have_count(0)
    expect(pole).to_contain_text("Đã phát", timeout=60_000)
    expect(head.locator(".count")).to_contain_text("1/1 loa đã phát")
    assert no_sideways_scrolling(head)
    assert people.complaints == []


def test_everything_needed_works_without_javascript(people: People) -> None:
    officer = people.sign_in("canbo", scripts=False)
    leader = people.sign_in("lanhdao", "phone", scripts=False)
    officer.goto("/soan")
    officer.get_by_label("Tiêu đề").fill("Không có script")
    officer.get_by_label("Nội dung bản tin").fill(SCRIPT)
    officer.get_by_label("Thôn Tây").check()
    officer.get_by_label("Ngay sau khi duyệt").check()
    officer.get_by_role("button", name="Xem cách đọc").click()
    expect(officer.locator("#reading mark").first).to_be_visible()
    officer.get_by_role("button", name="Nghe thử").click()
    expect(officer.locator("#sound audio")).to_be_visible()
    expect(officer.get_by_label("Thôn Tây")).to_be_checked()
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator(".head")).to_contain_text("Chờ duyệt")
    leader.goto("/duyet")
    leader.get_by_role("link", name="Xem cách đọc và chi tiết").first.click()
    leader.get_by_label("Tôi đã nghe bản tin này").check()
    leader.get_by_role("button", name="Duyệt cho phát").click()
    expect(leader.get_by_text("Đã duyệt.")).to_be_visible()
    officer.goto("/")
    officer.locator("article.live, li", has_text="Không có script").get_by_role("button").last.click()
    expect(officer.get_by_role("status").first).to_be_visible()


def test_an_open_page_says_when_it_is_not_live_and_heals(people: People) -> None:
    officer = people.sign_in("canbo")
    sign = officer.locator("#not-live")
    expect(officer.locator('[data-node="tay-1"]')).to_contain_text("Đang kết nối")
    expect(sign).to_be_hidden()
    people.house.stop()
    expect(sign).to_be_visible(timeout=30_000)
    people.house.start()
    expect(sign).to_be_hidden(timeout=60_000)
    expect(officer.locator('[data-node="tay-1"]')).to_contain_text("Đang kết nối", timeout=60_000)


PAGES = {
    "quantri": ("/cum-loa/dong-1", "/ban-do", "/ma-truy-cap", "/gio-phat", "/khan-cap/quy-dinh", "/quy-tac-duyet"),
    "canbo": (
        "/mau-tin", "/mau-tin/moi", "/lich-phat/tuan", "/24-gio-toi", "/ngay-dac-biet", "/bao-cao", "/khan-cap/mau",
        "/khan-cap/danh-ba", "/mat-khau", "/hai-lop",
    ),
    "lanhdao": ("/chuong-trinh",),
    "truongthon-dong": ("/cum-loa/dong-1/tai-cho",),
}  # fmt: skip
"""What is looked at beside the menu of each."""


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_every_page_fits_its_screen_with_targets_large_enough(people: People, screen: str) -> None:
    seen: set[str] = set()
    for username, more in PAGES.items():
        page = people.sign_in(username, screen)
        menu = page.locator("nav.menu a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        for path in [path for path in dict.fromkeys([*menu, *more]) if path not in seen]:
            seen.add(path)
            page.goto(path)
            assert no_sideways_scrolling(page), (screen, path)
            if screen == "phone":
                assert grave_findings(page) == [], path
            small = page.eval_on_selector_all(
                "main button, main .button, main input:not([type=hidden]), main select, nav.menu a, .pick",
                """found => found.filter(one => one.offsetParent && !one.closest('.pick input')
                    && !(one.matches('input') && one.closest('.pick')) && one.getBoundingClientRect().height < 44)
                    .map(one => one.outerHTML.slice(0, 120))""",
            )
            assert small == [], (screen, path)
    assert people.complaints == []
