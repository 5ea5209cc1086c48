"""The week from programme to forecast: made, placed, moved in the grid, a day of mourning, heard beforehand."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.e2e.accessibility import grave_findings
from tests.web.e2e.conftest import People
from tests.web.e2e.test_journeys import length_of, no_sideways_scrolling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def commune_day(ahead: int) -> date:
    """The commune's today, or so many days later."""
    return datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date() + timedelta(days=ahead)


def make_programme(leader: Page, name: str) -> None:
    leader.goto("/chuong-trinh/moi")
    leader.get_by_label("Tên chương trình").fill(name)
    leader.get_by_role("textbox", name="Lời chào").fill("Xin chào bà con {xã}, hôm nay {ngày}.")
    leader.get_by_role("textbox", name="Lời kết").fill("Xin hết.")
    leader.get_by_label("Chỉ phát nhạc hiệu và lời chào").check()
    leader.get_by_role("button", name="Lưu chương trình").click()
    expect(leader.get_by_role("link", name=name)).to_be_visible()


def add_entry(officer: Page, programme: str, airs_at: str) -> None:
    officer.goto("/lich-phat/moi")
    officer.get_by_label("Chương trình", exact=True).select_option(label=programme)
    officer.get_by_label("Thôn Đông").check()
    officer.get_by_label("Giờ phát").fill(airs_at)
    officer.get_by_role("button", name="Thêm lịch phát").click()
    expect(officer.get_by_role("heading", name="Sửa lịch phát")).to_be_visible()


def place_bulletin(officer: Page, leader: Page, programme: str, title: str) -> None:
    officer.goto("/soan")
    officer.get_by_label("Tiêu đề").fill(title)
    officer.get_by_label("Nội dung bản tin").fill("Mời bà con thôn Đông họp lúc 19h30 tại nhà văn hóa.")
    officer.get_by_label("Thôn Đông").check()
    officer.get_by_role("button", name="Lưu bản nháp").click()
    expect(officer.get_by_text("Đã lưu bản nháp.")).to_be_visible()
    bulletin = re.search(r"/(?:soan|ban-tin)/(\w+)", officer.url)
    assert bulletin is not None
    officer.goto(f"/ban-tin/{bulletin[1]}/xep")
    officer.locator("#campaign").get_by_label(programme).check()
    officer.get_by_role("button", name="Xếp lịch").click()
    expect(officer.locator("[aria-labelledby=placed-title]")).to_contain_text(programme)
    officer.goto(f"/soan/{bulletin[1]}")
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator(".head")).to_contain_text("Chờ duyệt")
    leader.goto(f"/ban-tin/{bulletin[1]}")
    leader.get_by_label("Tôi đã nghe bản tin này").check()
    leader.get_by_role("button", name="Duyệt cho phát").click()
    expect(leader.get_by_text("Đã duyệt.")).to_be_visible()


def block_of(page: Page, programme: str, day: date) -> Locator:
    return page.locator(f'[data-on="{day.isoformat()}"] [data-block]', has_text=programme)


def keep_for_one_day(officer: Page, programme: str, day: date, said: str, *, scripts: bool) -> None:
    """On the page that a drop or the form leads to."""
    choice = officer.locator("#choice-day")
    expect(choice.get_by_role("heading", name="Chỉ ngày này")).to_be_visible()
    expect(officer.locator("#choice-week")).to_be_visible()
    if scripts:
        assert no_sideways_scrolling(officer)
    choice.get_by_role("button", name="Chỉ ngày này").click()
    expect(block_of(officer, programme, day)).to_contain_text(said)
    changed = officer.locator("[data-block].is-changed", has_text=programme)
    expect(changed).to_have_count(1)
    expect(changed).to_contain_text("đổi riêng ngày này")


def drag_down(page: Page, block: Locator, minutes: int) -> None:
    column = block.locator("xpath=ancestor::*[@data-on]")
    block.scroll_into_view_if_needed()
    what, whole = block.locator(".what").bounding_box(), column.bounding_box()
    shown = page.locator("#week").get_attribute("data-minutes")
    assert what is not None
    assert whole is not None
    x, y = what["x"] + what["width"] / 2, what["y"] + 12
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 12)
    page.mouse.move(x, y + minutes * whole["height"] / float(shown or 1), steps=5)
    expect(block.locator(".drop-time")).to_be_visible()
    page.mouse.up()


def move_by_form(officer: Page, programme: str, day: date, airs_at: str) -> None:
    block_of(officer, programme, day).get_by_role("link").click()
    officer.get_by_label("Phát lúc").fill(airs_at)
    officer.get_by_role("button", name="Xem trước").click()
    expect(officer.get_by_label("Phát lúc")).to_have_value(airs_at)


def mourn(officer: Page, day: date) -> None:
    """A day of mourning shows in the grid, and is taken back."""
    officer.goto("/ngay-dac-biet")
    officer.locator("#set").get_by_label("Ngày", exact=True).fill(day.isoformat())
    officer.get_by_label("Tên ngày").fill("Quốc tang")
    officer.get_by_label("Ngày để tang: chỉ phát tin khẩn cấp").check()
    officer.get_by_role("button", name="Đặt ngày này").click()
    expect(officer.locator("[aria-labelledby=days-title]")).to_contain_text("Quốc tang")
    off = officer.locator(f'[data-on="{day.isoformat()}"] [data-fate="off"]').first
    for _ in range(20):  # planning follows a moment later
        officer.goto(f"/lich-phat/tuan?thon=thon-dong&ngay={day.isoformat()}")
        if off.count():
            break
    expect(officer.locator(".week-day.is-mourning")).to_contain_text("để tang")
    expect(off).to_contain_text("Ngày để tang")
    officer.goto("/ngay-dac-biet")
    officer.locator("[aria-labelledby=days-title]").get_by_role("button", name="Bỏ").click()
    expect(officer.locator("[aria-labelledby=days-title]")).not_to_contain_text("Quốc tang")


def forecast(officer: Page) -> Locator:
    """A player of what the pole will sound, as soon as it is rendered."""
    player = officer.locator("[data-line] audio").first
    for _ in range(60):
        officer.goto("/24-gio-toi?loa=dong-1")
        if player.count():
            break
    expect(officer.get_by_role("heading", name="24 giờ tới: Cột đầu thôn Đông")).to_be_visible()
    officer.locator("[data-line] summary").first.click()
    expect(player).to_be_visible()
    return player


def hear_all(officer: Page) -> None:
    """The player of everything goes on to the next clip by itself."""
    player = officer.get_by_label("Nghe tất cả các lượt phát lần lượt")
    expect(officer.locator("#hear [data-said]")).not_to_be_empty()
    first = player.get_attribute("src")
    assert first is not None
    # To its end at once: a greeting takes half a minute.
    player.evaluate(
        """audio => new Promise(done => {
             audio.muted = true;
             const toEnd = () => { audio.currentTime = audio.duration - 0.05; };
             audio.addEventListener("loadedmetadata", toEnd, {once: true});
             audio.addEventListener("ended", () => done(), {once: true});
             audio.play();
           })"""
    )
    expect(player).not_to_have_attribute("src", first)


@pytest.mark.parametrize(
    ("screen", "scripts", "hour"),
    [("desktop", True, 7), ("phone", True, 12), ("phone", False, 14)],
)
def test_from_programme_to_forecast(people: People, screen: str, hour: int, *, scripts: bool) -> None:
    officer = people.sign_in("canbo", screen, scripts=scripts)
    leader = people.sign_in("lanhdao", screen, scripts=scripts)
    programme, tomorrow = f"Tin {screen} {scripts}", commune_day(1)
    make_programme(leader, programme)
    add_entry(officer, programme, f"{hour:02}:15")
    place_bulletin(officer, leader, programme, f"Họp {screen} {scripts}")
    officer.goto(f"/lich-phat/tuan?thon=thon-dong&ngay={tomorrow.isoformat()}&luc={hour:02}:15")
    expect(officer.locator("#answer")).to_contain_text(programme)
    if scripts:
        assert no_sideways_scrolling(officer)
    if screen == "desktop" and scripts:
        drag_down(officer, block_of(officer, programme, tomorrow), 30)
        expect(officer.get_by_label("Phát lúc")).to_have_value(f"{hour:02}:45")
        officer.go_back()
        drag_down(officer, block_of(officer, programme, tomorrow), 90)
        keep_for_one_day(officer, programme, tomorrow, f"{hour + 1:02}:45", scripts=scripts)
    else:
        move_by_form(officer, programme, tomorrow, f"{hour:02}:50")
        keep_for_one_day(officer, programme, tomorrow, f"{hour:02}:50", scripts=scripts)
    mourn(officer, commune_day(2))
    player = forecast(officer)
    if scripts:
        player.evaluate("audio => { audio.preload = 'metadata'; audio.load(); }")
        assert length_of(player) > 1
        hear_all(officer)
    assert people.complaints == []


def test_of_two_officers_who_drag_the_same_the_second_is_told(people: People) -> None:
    first, second = people.sign_in("canbo"), people.sign_in("lanhdao")
    make_programme(second, "Tin chung")
    add_entry(first, "Tin chung", "09:15")
    day = commune_day(1)
    for page in (first, second):
        page.goto(f"/lich-phat/tuan?thon=thon-dong&ngay={day.isoformat()}")
    drag_down(first, block_of(first, "Tin chung", day), 60)
    first.get_by_role("button", name="Mọi tuần").click()
    expect(block_of(first, "Tin chung", day)).to_contain_text("10:15")
    drag_down(second, block_of(second, "Tin chung", day), 120)
    expect(second.locator("#choice-week")).to_contain_text("Người khác vừa sửa lịch phát này")
    expect(second.get_by_role("button", name="Mọi tuần")).to_have_count(0)


def test_the_keyboard_moves_and_the_mouse_stretches(people: People) -> None:
    officer, leader = people.sign_in("canbo"), people.sign_in("lanhdao")
    make_programme(leader, "Tin phím")
    add_entry(officer, "Tin phím", "08:15")
    day = commune_day(1)
    officer.goto(f"/lich-phat/tuan?thon=thon-dong&ngay={day.isoformat()}")
    link = block_of(officer, "Tin phím", day).get_by_role("link")
    link.focus()
    for _ in range(3):
        officer.keyboard.press("Alt+ArrowDown")
    expect(link).to_contain_text("08:30")
    officer.keyboard.press("Enter")
    expect(officer.get_by_label("Phát lúc")).to_have_value("08:30")
    officer.go_back()
    handle = block_of(officer, "Tin phím", day).locator(".stretch")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    officer.mouse.move(box["x"] + 20, box["y"] + 4)
    officer.mouse.down()
    officer.mouse.move(box["x"] + 20, box["y"] + 50, steps=4)
    officer.mouse.up()
    minutes = officer.get_by_label("Dài nhất")
    expect(minutes).to_have_value(re.compile(r"^[1-9]\d?$"))
    wanted = minutes.input_value()
    officer.get_by_role("button", name="Mọi tuần").click()
    block_of(officer, "Tin phím", day).get_by_role("link").click()
    expect(minutes).to_have_value(wanted)
    assert people.complaints == []


def test_parts_are_put_in_order_by_dragging(people: People) -> None:
    leader = people.sign_in("lanhdao")
    leader.goto("/chuong-trinh/moi")
    leader.get_by_label("Tên chương trình").fill("Xếp phần")
    leader.get_by_role("textbox", name="Lời chào").fill("Lời thứ nhất.")
    parts = leader.locator("[data-part]")
    expect(parts).to_have_count(4)
    grip, target = parts.nth(3).locator(".grip"), parts.nth(1)
    grip.drag_to(target, target_position={"x": 40, "y": 6})
    expect(parts.nth(1)).to_contain_text("2. Lời kết")
    expect(parts.nth(2)).to_contain_text("3. Lời chào")
    expect(leader.get_by_role("textbox", name="Lời chào")).to_have_value("Lời thứ nhất.")
    assert people.complaints == []


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_axe_finds_nothing_serious_on_the_pages_of_the_week(people: People, screen: str) -> None:
    officer, leader = people.sign_in("canbo", screen), people.sign_in("lanhdao", screen)
    day = commune_day(1).isoformat()
    pages = (
        "/lich-phat", "/lich-phat/moi", "/lich-phat/1", "/chuong-trinh", "/chuong-trinh/1", "/ngay-dac-biet",
        "/24-gio-toi?loa=dong-1", "/lich-dien-thoai", f"/lich-phat/tuan?thon=thon-dong&ngay={day}&luc=05:30",
        f"/lich-phat/tuan/doi?lich=1&ngay={day}&sang={day}&gio=05:40&ban=1",
    )  # fmt: skip
    found = {}
    for browser, paths in ((officer, pages), (leader, ("/chuong-trinh/1", "/chuong-trinh/moi", "/gio-phat"))):
        for path in paths:
            browser.goto(path)
            if grave := grave_findings(browser):
                found[path] = grave
            assert no_sideways_scrolling(browser), path
    assert found == {}
