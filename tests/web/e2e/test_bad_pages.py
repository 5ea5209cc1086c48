"""What goes wrong at a desk and on a phone: sessions that end, tabs, the back button, turned phones, hostile words."""

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.web.e2e.conftest import People
from tests.web.e2e.test_journeys import no_sideways_scrolling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
HOSTILE = (
    "<script>window.struck = 1</script><img src=x onerror='window.struck = 1'> \u202e\u2066đảo\u2069 🔊🌊 {{ 7*7 }}"
)
LONG_NAME = ("Thôn " + "rất dài " * 37)[:299] + "."
"""Three hundred characters: a village is renamed to it in the database, past the forms that would refuse it."""


def rename_village(people: People, slug: str, name: str) -> None:
    with closing(sqlite3.connect(people.house.folder / "loalang.sqlite3", timeout=30)) as database:
        database.execute("UPDATE zone SET name = ? WHERE slug = ?", (name, slug))
        database.commit()


def end_sessions(people: People, username: str) -> None:
    """As when an administrator locks somebody out, or the night goes by."""
    with closing(sqlite3.connect(people.house.folder / "loalang.sqlite3", timeout=30)) as database:
        database.execute(
            "DELETE FROM usersession WHERE user_id = (SELECT id FROM user WHERE username = ?)", (username,)
        )
        database.commit()


def kept_titles(people: People, title: str) -> int:
    with closing(sqlite3.connect(f"file:{people.house.folder / 'loalang.sqlite3'}?mode=ro", uri=True)) as database:
        [(count,)] = database.execute("SELECT COUNT(*) FROM bulletin WHERE title = ?", (title,))
        return int(count)


def enter(people: People, page: Page, username: str) -> None:
    page.get_by_label("Tên đăng nhập").fill(username)
    page.get_by_label("Mật khẩu").fill(people.house.passwords[username])
    page.get_by_role("button", name="Đăng nhập").click()


def save(page: Page) -> None:
    page.get_by_role("button", name="Lưu bản nháp").click()


def test_hostile_words_in_every_field_are_words(people: People) -> None:
    officer = people.sign_in("canbo", "phone")
    officer.goto("/soan")
    officer.get_by_label("Tiêu đề").fill(HOSTILE)
    officer.get_by_label("Nội dung bản tin").fill(f"{HOSTILE} Mời bà con họp.")
    expect(officer.locator("#reading")).to_contain_text("Mời bà con họp.")
    officer.get_by_label("Thôn Đông").check()
    officer.get_by_label("Ngay sau khi duyệt").check()
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator("h1")).to_contain_text("<script>window.struck = 1</script>")
    assert no_sideways_scrolling(officer)
    leader = people.sign_in("lanhdao", "phone")
    leader.goto("/duyet")
    card = leader.locator("[data-bulletin]", has_text="{{ 7*7 }}")
    card.get_by_text("Trả lại, kèm lý do").click()
    card.get_by_label("Hoặc trả lại, vì").fill(HOSTILE)
    card.get_by_role("button", name="Trả lại người soạn").click()
    expect(leader.get_by_text("Đã trả lại bản tin cho người soạn.")).to_be_visible()
    officer.reload()
    expect(officer.locator(".note .script")).to_contain_text("{{ 7*7 }}")
    for path in ("/tu-dien", "/ngay-dac-biet"):
        officer.goto(path)
        for field in officer.locator("main form input[type=text], main form input:not([type])").all():
            if field.is_visible():
                field.fill(HOSTILE)
        officer.locator("main form").last.evaluate("form => form.requestSubmit()")
        expect(officer.locator("main")).to_be_visible()
    for page in (officer, leader):
        assert page.evaluate("window.struck") is None
        assert no_sideways_scrolling(page)


def test_a_village_with_a_very_long_name_breaks_no_page(people: People) -> None:
    rename_village(people, "thon-tay", LONG_NAME)
    try:
        officer, admin = people.sign_in("canbo", "phone"), people.sign_in("quantri")
        for page, paths in (
            (officer, ("/", "/soan", "/lich-phat/tuan?thon=thon-tay", "/nhat-ky", "/bao-cao")),
            (admin, ("/cum-loa/tay-1", "/gio-phat", "/nguoi-dung", "/ban-do")),
        ):
            for path in paths:
                page.goto(path)
                assert no_sideways_scrolling(page), path
    finally:
        rename_village(people, "thon-tay", "Thôn Tây")


def test_a_session_that_ends_while_typing_costs_no_word(people: People) -> None:
    officer = people.sign_in("canbo", "phone")
    officer.goto("/soan")
    officer.get_by_label("Tiêu đề").fill("Gõ dở")
    officer.get_by_label("Thôn Đông").check()
    officer.get_by_role("button", name="Thêm phần chữ").click()
    officer.get_by_label("Nội dung bản tin").fill("Mời bà con họp lúc 8h.")
    expect(officer.locator("#reading")).to_contain_text("tám giờ")
    end_sessions(people, "canbo")
    officer.get_by_label("Phần 2: chữ").fill("Nhớ mang theo sổ hộ khẩu.")
    officer.wait_for_url(re.compile("/dang-nhap"))
    enter(people, officer, "canbo")
    officer.wait_for_url(re.compile(r"/soan$"))
    expect(officer.get_by_label("Nội dung bản tin")).to_have_value("")
    officer.get_by_role("button", name="Lấy lại").click()
    expect(officer.get_by_label("Phần 2: chữ")).to_have_value("Nhớ mang theo sổ hộ khẩu.")
    expect(officer.get_by_label("Nội dung bản tin")).to_have_value("Mời bà con họp lúc 8h.")
    expect(officer.get_by_label("Tiêu đề")).to_have_value("Gõ dở")

    end_sessions(people, "canbo")
    save(officer)
    officer.wait_for_url(re.compile("/dang-nhap"))
    enter(people, officer, "canbo")
    officer.get_by_role("button", name="Lấy lại").click()
    expect(officer.get_by_label("Tiêu đề")).to_have_value("Gõ dở")
    save(officer)
    expect(officer.get_by_text("Đã lưu bản nháp.")).to_be_visible()
    assert kept_titles(people, "Gõ dở") == 1
    officer.goto("/soan")
    expect(officer.get_by_label("Tiêu đề")).to_have_value("")
    expect(officer.locator("[data-draft-found]")).to_be_hidden()


def test_going_back_after_sending_and_two_tabs_double_nothing(people: People) -> None:
    officer = people.sign_in("canbo")
    officer.goto("/soan")
    officer.get_by_label("Tiêu đề").fill("Hai thẻ")
    officer.get_by_label("Nội dung bản tin").fill("Mời bà con họp.")
    officer.get_by_label("Thôn Đông").check()
    officer.get_by_role("button", name="Lưu bản nháp").dblclick()
    expect(officer.get_by_text("Đã lưu bản nháp.")).to_be_visible()
    assert kept_titles(people, "Hai thẻ") == 1

    other = officer.context.new_page()
    other.goto(officer.url)
    other.get_by_label("Nội dung bản tin").fill("Mời bà con họp lúc 9h.")
    save(other)
    expect(other.get_by_text("Đã lưu bản nháp.")).to_be_visible()
    officer.get_by_label("Nội dung bản tin").fill("Mời bà con họp lúc 7h.")
    save(officer)
    expect(officer.get_by_role("alert").first).to_contain_text("đã được sửa sau khi bạn mở")
    expect(officer.get_by_label("Nội dung bản tin")).to_have_value("Mời bà con họp lúc 7h.")

    other.get_by_label("Ngay sau khi duyệt").check()
    other.get_by_role("button", name="Gửi duyệt").click()
    expect(other.locator(".head")).to_contain_text("Chờ duyệt")
    other.go_back()
    expect(other.get_by_label("Nội dung bản tin")).to_have_value("Mời bà con họp lúc 9h.")
    other.get_by_role("button", name="Gửi duyệt").click()
    expect(other.locator(".head")).to_contain_text("Chờ duyệt")
    assert kept_titles(people, "Hai thẻ") == 1


def test_a_server_that_restarts_under_the_writing_hand_costs_nothing(people: People) -> None:
    officer = people.sign_in("canbo", "phone")
    officer.goto("/soan")
    officer.get_by_label("Tiêu đề").fill("Máy chủ khởi động lại")
    officer.get_by_label("Nội dung bản tin").fill("Mời bà con họp lúc 8h.")
    officer.get_by_label("Thôn Đông").check()
    expect(officer.locator("#reading")).to_contain_text("tám giờ")
    people.house.stop()
    with officer.expect_event("requestfailed"):
        officer.get_by_label("Nội dung bản tin").fill("Mời bà con họp lúc 9h.")
    people.house.start()
    officer.get_by_label("Nội dung bản tin").fill("Mời bà con họp lúc 10h.")
    expect(officer.locator("#reading")).to_contain_text("mười giờ")
    save(officer)
    expect(officer.get_by_text("Đã lưu bản nháp.")).to_be_visible()
    expect(officer.get_by_label("Nội dung bản tin")).to_have_value("Mời bà con họp lúc 10h.")
    assert kept_titles(people, "Máy chủ khởi động lại") == 1


def test_a_phone_that_turns_keeps_what_was_typed_and_a_stale_form_says_so(people: People) -> None:
    officer = people.sign_in("canbo", "phone")
    officer.goto("/soan")
    officer.get_by_label("Nội dung bản tin").fill("Đang gõ thì xoay máy.")
    officer.get_by_label("Thôn Tây").check()
    for width, height in ((844, 390), (390, 844)):
        officer.set_viewport_size({"width": width, "height": height})
        expect(officer.get_by_label("Nội dung bản tin")).to_have_value("Đang gõ thì xoay máy.")
        expect(officer.get_by_label("Thôn Tây")).to_be_checked()
        assert no_sideways_scrolling(officer)
    officer.get_by_label("Tiêu đề").fill("Trang cũ")
    officer.locator("#compose input[name=csrf]").evaluate("field => { field.value = 'từ hôm qua'; }")
    officer.evaluate("document.querySelector('#compose').setAttribute('hx-disable', '')")
    officer.get_by_role("button", name="Lưu bản nháp").click()
    expect(officer.get_by_role("alert")).to_contain_text("Trang đã cũ.")
    assert kept_titles(people, "Trang cũ") == 0
    officer.goto("/soan")
    officer.get_by_role("button", name="Lấy lại").click()
    officer.get_by_role("button", name="Lưu bản nháp").click()
    expect(officer.get_by_text("Đã lưu bản nháp.")).to_be_visible()
    assert kept_titles(people, "Trang cũ") == 1


def test_leaving_with_changes_asks_and_signing_out_forgets_drafts(people: People) -> None:
    officer = people.sign_in("canbo")
    officer.goto("/soan")
    asked: list[str] = []

    def answer(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.accept()  # type: ignore[attr-defined]

    officer.on("dialog", answer)
    officer.get_by_label("Nội dung bản tin").press_sequentially("Chưa lưu.")
    expect(officer.locator("#reading")).to_contain_text("Chưa lưu.")
    officer.get_by_role("link", name="Lịch phát").first.click()
    officer.wait_for_url(re.compile("/lich-phat"))
    assert asked == ["beforeunload"]
    officer.goto("/soan")
    expect(officer.locator("[data-draft-found]")).to_be_visible()
    officer.locator(".me").get_by_role("button", name="Đăng xuất").click()
    officer.wait_for_url(re.compile("/dang-nhap"))
    enter(people, officer, "canbo")
    officer.goto("/soan")
    expect(officer.locator("[data-draft-found]")).to_be_hidden()
