"""A voice from the microphone to the horn: recorded in the browser, cut on the waveform, put between texts, heard."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.sent_files import tone, wav
from tests.listening import find_sound, read_wav
from tests.web.e2e.conftest import NODE, House, People, process
from tests.web.e2e.microphone import chromium_hearing
from tests.web.e2e.test_journeys import length_of, no_sideways_scrolling
from tts.clip_file import decode_clip, write_wav

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
MELODY_HZ = (440, 660, 550, 880, 740)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """With a microphone that hears a melody over and over."""
    melody = np.concatenate([tone(0.25, hertz, 0.4) for hertz in MELODY_HZ])
    heard = wav(tmp_path_factory.mktemp("microphone") / "melody.wav", melody)
    with chromium_hearing(heard) as browser:
        yield browser


@pytest.fixture(scope="module")
def recorded_at_pole(house: House) -> Iterator[Path]:
    """What a pole of Thôn Đông sounds, as a WAV file that grows."""
    path = house.folder / "pole.wav"
    box = house.pair("dong-ghi", "Cột ghi âm", "thon-dong", "record", "--record-to", str(path))
    with process([*NODE, "run", "--data", str(box)], house.folder / "dong-ghi.log"):
        yield path


def record_in_browser(page: Page, name: str) -> str:
    """Record five seconds; the address of the recording."""
    page.goto("/ban-ghi")
    page.get_by_label("Tên", exact=True).fill(name)
    page.get_by_label("Ngôn ngữ", exact=True).select_option(label="Dao")
    page.get_by_role("button", name="Bắt đầu thu").click()
    expect(page.locator("[data-time]")).to_have_text("0:05", timeout=60_000)
    page.get_by_role("button", name="Dừng thu").click()
    expect(page.get_by_label("Nghe lại đoạn vừa thu")).to_be_visible()
    assert no_sideways_scrolling(page)
    page.get_by_role("button", name="Gửi bản ghi").click()
    page.wait_for_url(re.compile(r"/ban-ghi/[0-9a-f]{32}"), timeout=90_000)
    return page.url.partition("?")[0]


def cut_on_waveform(page: Page) -> float:
    """Drag the right edge to the middle; the seconds that are left."""
    waveform = page.locator("[data-waveform][data-ready]")
    expect(waveform).to_be_visible()
    edge = page.locator('[part~="region-handle-right"]').bounding_box()
    place = waveform.bounding_box()
    assert edge
    assert place
    page.mouse.move(edge["x"] + edge["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + place["height"] / 2, steps=5)
    page.mouse.move(place["x"] + place["width"] * 0.5, place["y"] + place["height"] / 2, steps=5)
    page.mouse.up()
    whole = length_of(page.locator("[data-whole]"))
    start, end = (float(page.locator(field).input_value()) for field in ("#start", "#end"))
    assert abs(end - whole / 2) < 0.2
    page.get_by_role("button", name="Lấy đoạn này").click()
    expect(page.get_by_role("status").first).to_have_text("Đã chọn đoạn sẽ phát.", timeout=90_000)
    assert abs(length_of(page.locator("[data-aired]")) - (end - start)) < 0.1
    return end - start


def write_around(page: Page, title: str, recording: str) -> None:
    """Vietnamese, the recording, Vietnamese; hand it in."""
    page.goto("/soan")
    page.get_by_label("Tiêu đề").fill(title)
    page.get_by_label("Nội dung bản tin").fill("Sau đây là lời mời bằng tiếng Dao.")
    page.get_by_label("Thôn Đông").check()
    page.get_by_label("Ngay sau khi duyệt").check()
    page.get_by_role("button", name="Thêm phần ghi âm").click()
    page.get_by_label("Phần 2: ghi âm").select_option(label=f"{recording} (Dao)")
    page.get_by_role("button", name="Thêm phần chữ").click()
    page.get_by_label("Phần 3: chữ").fill("Xin cảm ơn bà con, hẹn lúc 8h.")
    expect(page.locator("#reading")).to_contain_text("tám giờ")
    assert no_sideways_scrolling(page)
    page.get_by_role("button", name="Gửi duyệt").click()
    expect(page.locator(".head")).to_contain_text("Chờ duyệt")


def hear_and_approve(page: Page, title: str) -> str:
    """As the leader does; the address of the whole sound."""
    page.goto("/duyet")
    page.locator(".card", has_text=title).get_by_role("link", name="Xem cách đọc và chi tiết").click()
    expect(page.locator(".parts li")).to_have_count(3)
    assert length_of(page.locator(".parts audio")) > 1
    page.get_by_role("button", name="Nghe thử").click()
    expect(page.locator("#sound audio")).to_have_attribute("src", re.compile("^/clips/"), timeout=90_000)
    whole = page.locator("#sound audio").get_attribute("src") or ""
    assert no_sideways_scrolling(page)
    page.get_by_label("Tôi đã nghe bản tin này").check()
    page.get_by_role("button", name="Duyệt cho phát").click()
    expect(page.get_by_role("status").first).to_contain_text("Đã duyệt")
    return whole


def wait_until_played(page: Page, title: str) -> None:
    page.goto("/nhat-ky")
    row = page.locator("[data-broadcast]", has_text=title).locator('tr[data-node="dong-ghi"]')
    for _ in range(300):
        if row.get_by_text("Đã phát").count():
            return
        page.reload()
    expect(row).to_contain_text("Đã phát")


def sound_at(page: Page, address: str, path: Path) -> Path:
    """A sound of the server as a WAV file."""
    answer = page.request.get(address)
    assert answer.ok, answer.status
    write_wav(path, decode_clip(answer.body()))
    return path


def is_the_melody(path: Path) -> bool:
    """Whether most of its strength is in the notes that the microphone heard."""
    samples, rate = read_wav(path)
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    notes = np.min(np.abs(hertz[:, np.newaxis] - np.array(MELODY_HZ)), axis=1) < 12
    return bool(power[notes].sum() > 0.7 * power.sum())


def length_of_wav(path: Path) -> float:
    samples, rate = read_wav(path)
    return len(samples) / rate


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_voice_from_the_microphone_to_the_horn(
    people: People, recorded_at_pole: Path, tmp_path: Path, screen: str
) -> None:
    officer, leader = people.sign_in("canbo", screen), people.sign_in("lanhdao", screen)
    name, title = f"Lời mời ({screen})", f"Tiêm chủng ({screen})"
    recording = record_in_browser(officer, name)
    left_s = cut_on_waveform(officer)
    assert no_sideways_scrolling(officer)
    spoken = sound_at(officer, f"{recording}/doan-phat", tmp_path / "part.wav")
    assert is_the_melody(spoken), "what the microphone heard"
    write_around(officer, title, name)
    whole = sound_at(leader, hear_and_approve(leader, title), tmp_path / "whole.wav")
    wait_until_played(officer, title)
    assert find_sound(recorded_at_pole, whole).likeness > 0.95, "the pole sounds what was approved"
    part = find_sound(whole, spoken)
    assert part.likeness > 0.8, "the recorded voice is in it"
    seconds = length_of_wav(whole)
    assert part.offset_s > 3, "after chime and words"
    assert part.offset_s + left_s < seconds - 2, "and before words"
    assert people.complaints == []


def test_without_a_microphone_the_page_says_so_and_takes_files(people: People) -> None:
    officer = people.sign_in("canbo", scripts=False)
    officer.goto("/ban-ghi")
    expect(officer.get_by_role("button", name="Bắt đầu thu")).to_be_hidden()
    expect(officer.get_by_label("Hoặc chọn tệp âm thanh")).to_be_visible()
