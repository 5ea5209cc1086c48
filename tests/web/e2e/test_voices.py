"""The administrator brings a voice on a stick: sends it, hears it, has it read for the commune, takes it away again."""

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.piper_voice import VOICE_NAME, vietnamese_voice_dir
from tests.web.e2e.conftest import People
from tests.web.e2e.test_journeys import length_of, no_sideways_scrolling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]
SLOW_MS = 150_000


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stick")
    source = vietnamese_voice_dir(folder)
    with zipfile.ZipFile(folder / "giong-xa.zip", "w", zipfile.ZIP_STORED) as archive:
        for path in source.iterdir():
            archive.write(path.resolve(), path.name)
    return folder / "giong-xa.zip"


def choose(page: Page, title: str) -> None:
    page.locator(".pick.voice", has_text=title).click()
    page.get_by_role("button", name="Dùng giọng này").click()
    expect(page.get_by_text("Đã chọn giọng đọc.")).to_be_visible()


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_voice_from_the_stick_to_the_horns_and_back(people: People, screen: str, stick: Path) -> None:
    page = people.sign_in("quantri", screen)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/giong-doc")
    assert no_sideways_scrolling(page)
    expect(page.locator('[data-voice="vi_VN-vais1000-medium"]')).to_contain_text("CC BY 4.0")

    page.get_by_label("Tệp .zip").set_input_files(stick)
    page.get_by_role("button", name="Gửi lên và cài").click()
    # The page may be left; what it says of the installation changes by itself.
    page.goto("/")
    page.goto("/giong-doc")
    ours = page.locator(f'[data-voice="{VOICE_NAME}"]')
    expect(ours).to_contain_text("Đã cài", timeout=SLOW_MS)
    expect(page.get_by_text(f"Đã cài xong giọng {VOICE_NAME}.")).to_be_visible()
    assert no_sideways_scrolling(page)

    page.get_by_label("Giọng", exact=True).select_option(VOICE_NAME)
    page.get_by_label("Câu đọc thử").fill(f"Họp lúc 7h30, {screen}.")
    page.get_by_role("button", name="Nghe thử").click()
    audio = page.locator("#sound audio")
    expect(audio).to_have_attribute("src", re.compile(r"^/clips/[0-9a-f]{64}$"), timeout=SLOW_MS)
    expect(page.locator("#sound")).to_contain_text(f"giọng {VOICE_NAME}")
    assert length_of(audio) > 1

    choose(page, VOICE_NAME)
    expect(ours).to_contain_text("Đang dùng")
    expect(ours.get_by_role("button", name="Gỡ")).to_have_count(0)
    ours.get_by_role("button", name="Kiểm tra tệp").click()
    expect(page.get_by_text("còn nguyên vẹn")).to_be_visible()

    choose(page, "espeak-ng")
    ours.get_by_role("button", name="Gỡ").click()
    expect(page.get_by_text("Đã gỡ giọng đọc.")).to_be_visible()
    expect(ours).to_have_count(0)
    assert people.complaints == []


def test_it_works_without_scripts_and_says_what_is_wrong(people: People, tmp_path: Path) -> None:
    junk = tmp_path / "junk.zip"
    junk.write_bytes(b"PK not a zip at all")
    page = people.sign_in("quantri", scripts=False)
    page.goto("/giong-doc")
    page.get_by_label("Tệp .zip").set_input_files(junk)
    page.get_by_role("button", name="Gửi lên và cài").click()
    said = page.get_by_text("junk.zip")
    for _ in range(20):
        page.goto("/giong-doc")
        if page.get_by_role("alert").count():
            break
    expect(page.get_by_role("alert")).to_contain_text("không phải tệp ZIP đọc được")
    expect(said.first).to_be_visible()
    page.get_by_label("Giọng", exact=True).select_option("tone")
    page.get_by_role("button", name="Nghe thử").click(timeout=SLOW_MS)
    expect(page.locator("#sound audio")).to_have_attribute("src", re.compile(r"^/clips/"), timeout=SLOW_MS)
