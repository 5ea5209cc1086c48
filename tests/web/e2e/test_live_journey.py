"""Speaking live: from Chromium's microphone through the server to what a pole sounds, and how late."""

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.sent_files import wav
from tests.fakes.sounds import RATE, Wave, find, noise, read_wave
from tests.web.e2e.conftest import NODE, House, People, process
from tests.web.e2e.microphone import chromium_hearing
from tests.web.e2e.test_journeys import no_sideways_scrolling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """With a microphone that hears noise of which no two seconds are alike."""
    heard = wav(tmp_path_factory.mktemp("microphone") / "speech.wav", noise(60, 5).astype(np.float32))
    with chromium_hearing(heard) as browser:
        yield browser


@pytest.fixture(scope="module")
def pole(house: House) -> Iterator[Path]:
    """What a pole of Thôn Đông sounds by VLC, as a WAV file that grows."""
    path = house.folder / "pole.wav"
    box = house.pair("dong-vlc", "Cột VLC", "thon-dong", "vlc", "--record-to", str(path))
    with process([*NODE, "run", "--data", str(box)], house.folder / "dong-vlc.log"):
        yield path


# What makes a voice clear would take this noise for noise. The instant of the recorder's first sample is kept.
_EAR = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
navigator.mediaDevices.getUserMedia = () => ask({ audio: raw });
const start = MediaRecorder.prototype.start;
MediaRecorder.prototype.start = function (...given) {
  this.addEventListener("start", () => (document.documentElement.dataset.began = Date.now()));
  return start.apply(this, given);
};
"""


def begin_to_speak(page: Page) -> None:
    """To Thôn Đông, until the page says that they hear it."""
    page.goto("/phat-truc-tiep")
    page.get_by_label("Thôn Đông").check()
    assert no_sideways_scrolling(page)
    page.get_by_role("button", name="Bắt đầu phát trực tiếp").click()
    expect(page.get_by_text("Bà con đang nghe")).to_be_visible(timeout=90_000)
    expect(page.locator("meter")).not_to_have_js_property("value", 0)


def test_a_village_hears_who_speaks_into_a_phone(people: People, pole: Path) -> None:
    page = people.sign_in("canbo", "phone")
    page.add_init_script(_EAR)
    begin_to_speak(page)
    expect(page.locator("[data-time]")).to_have_text(re.compile(r"0:[1-5]\d"), timeout=60_000)
    began_at = float(page.locator("html").get_attribute("data-began") or "nan") / 1000
    page.get_by_role("button", name="Dừng phát").click()
    expect(page.get_by_text("Đã dừng.")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Xem từng cụm loa").click()
    expect(page.locator("body")).to_contain_text("phát trực tiếp")

    broadcast = page.url.partition("?")[0].rpartition("/")[2]
    clip = kept(page, broadcast, pole.with_name("kept.ogg"))
    said = noise(60, 5)
    first, likeness = find(clip[: 2 * RATE], said)
    assert likeness > 0.8, "what was said is kept"
    heard = read_wave(pole)
    loud = np.flatnonzero(np.abs(heard) > 0.01)[-1]
    place, likeness = find(heard[loud - 3 * RATE : loud - 3 * RATE + RATE // 2], said)
    assert likeness > 0.5, "what was said is heard"
    started_at = datetime.fromisoformat(json.loads(pole.with_name("pole.wav.json").read_text())["recording_started_at"])
    heard_at = started_at.timestamp() + (loud - 3 * RATE) / RATE
    late_s = (heard_at - began_at) - (place - first) / RATE
    sys.stdout.write(f"from the microphone to the pole in {late_s:.2f} s\n")
    assert 0 < late_s < 30
    assert people.complaints == []


def test_a_leader_speaks_at_a_desk_and_sees_who_hears(people: People, pole: Path) -> None:
    page = people.sign_in("lanhdao", "desktop")
    begin_to_speak(page)
    expect(page.locator("[data-time]")).to_have_text(re.compile(r"0:(0[3-9]|[1-5]\d)"), timeout=60_000)
    page.get_by_role("button", name="Dừng phát").click()
    expect(page.get_by_text("Đã dừng.")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Xem từng cụm loa").click()
    expect(page.get_by_text("Cột VLC").first).to_be_visible()
    assert pole.exists()
    assert people.complaints == []


def kept(page: Page, broadcast: str, path: Path) -> Wave:
    """The clip of what was said, once it is made."""
    sound = page.locator('[data-said] audio[src^="/clips/"]')
    for _ in range(60):
        if sound.count():
            break
        page.goto(f"/luot-phat/{broadcast}")
    answer = page.request.get(sound.get_attribute("src") or "")
    assert answer.ok, answer.status
    path.write_bytes(answer.body())
    return read_wave(path)
