"""A document dropped on the writing page, in a browser: its progress, its draft, a part brought back, submitted."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.tts.import_document.making import SERIF, make_letter, print_page
from tests.web.e2e.conftest import People

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SLOWLY = 120_000
"""Milliseconds that reading may take on a busy machine."""


def drop(page: Page, path: Path) -> None:
    """Drop a file on its place, as a hand with a mouse would."""
    page.set_input_files(".drop input[type=file]", [])
    carried = page.evaluate_handle(
        """([name, bytes]) => {
             const carried = new DataTransfer();
             carried.items.add(new File([new Uint8Array(bytes)], name));
             return carried;
           }""",
        [path.name, list(path.read_bytes())],
    )
    page.dispatch_event(".drop", "dragover", {"dataTransfer": carried})
    expect(page.locator(".drop")).to_have_class(re.compile("is-over"))
    page.dispatch_event(".drop", "drop", {"dataTransfer": carried})


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_document_is_dropped_read_mended_and_submitted(people: People, screen: str, tmp_path: Path) -> None:
    make_letter().save(str(tmp_path / "thong bao.docx"))
    officer = people.sign_in("canbo", screen)
    officer.goto("/soan")
    drop(officer, tmp_path / "thong bao.docx")
    officer.wait_for_url(re.compile(r"/giay/[0-9a-f]{32}$"))
    officer.wait_for_url(re.compile(r"/soan/[0-9a-f]{32}$"), timeout=SLOWLY)  # by itself, when it is read
    expect(officer.get_by_label("Tiêu đề")).to_have_value(re.compile("^Thông báo về việc tiêm phòng"))
    script = officer.get_by_label("Nội dung bản tin")
    expect(script).to_have_value(re.compile("Thôn Đông: thời gian 7h30"))
    expect(officer.locator("#reading")).to_contain_text("bảy giờ ba mươi")
    date = officer.locator("#giay li", has_text="Địa danh, ngày tháng")
    expect(date.locator("del")).to_have_text("Hòa Bình An, ngày 08 tháng 9 năm 2026")
    officer.get_by_label("Thôn Đông").check()
    date.get_by_role("button", name="Đưa lại").click()
    expect(script).to_have_value(re.compile("Hòa Bình An, ngày 08 tháng 9 năm 2026"))
    expect(officer.get_by_label("Thôn Đông")).to_be_checked()
    expect(date.get_by_role("button", name="Bỏ ra")).to_be_in_viewport()
    expect(date.locator("del")).to_have_count(0)
    assert officer.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    officer.get_by_label("Ngay sau khi duyệt").check()
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator(".head")).to_contain_text("Chờ duyệt")
    assert people.complaints == []


def test_a_photo_is_chosen_without_javascript(people: People, tmp_path: Path) -> None:
    photo = tmp_path / "IMG_0007.jpg"
    print_page("THÔNG BÁO\nMời bà con thôn Đông họp lúc 19 giờ.", SERIF, skew=2, is_cut=True).save(photo, quality=92)
    officer = people.sign_in("canbo", "phone", scripts=False)
    officer.goto("/soan")
    officer.get_by_label("Tệp văn bản hoặc ảnh chụp").set_input_files(photo)
    officer.get_by_role("button", name="Lấy chữ").click()
    expect(officer.get_by_role("heading", name="IMG_0007.jpg")).to_be_visible()
    officer.wait_for_url(re.compile(r"/soan/[0-9a-f]{32}$"), timeout=SLOWLY)  # the page refreshes itself
    expect(officer.get_by_label("Nội dung bản tin")).to_have_value(re.compile("họp lúc 19 giờ"))


def test_a_file_of_another_kind_is_refused_on_the_spot(people: People, tmp_path: Path) -> None:
    (tmp_path / "a.exe").write_bytes(b"MZ" + b"\0" * 100)
    officer = people.sign_in("canbo")
    officer.goto("/soan")
    drop(officer, tmp_path / "a.exe")
    expect(officer.get_by_role("alert")).to_contain_text("Không đọc được loại tệp này", timeout=SLOWLY)
    officer.get_by_role("link", name="Gửi tệp khác").click()
    (tmp_path / "b.pdf").write_bytes(b"")
    drop(officer, tmp_path / "b.pdf")
    expect(officer.get_by_role("alert")).to_have_text("Tệp này rỗng, không có nội dung.")
