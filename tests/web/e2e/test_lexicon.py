"""A word is taught in a browser: heard first, then heard in what was to be aired."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.e2e.conftest import House, People
from tests.web.e2e.test_journeys import length_of, no_sideways_scrolling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def approved(house: House, title: str, script: str) -> str:
    """A bulletin's broadcast tomorrow at noon, as two programs arrange it."""
    noon = (datetime.now(UTC) + timedelta(days=1)).replace(hour=5, minute=0, second=0, microsecond=0)
    with httpx.Client(base_url=house.url, trust_env=False, timeout=60) as client:

        def ask(username: str, path: str, body: object) -> dict[str, object]:
            credentials = {"username": username, "password": house.passwords[username]}
            token = client.post("/api/sessions", json=credentials).raise_for_status().json()["token"]
            answer = client.post(path, json=body, headers={"authorization": f"Bearer {token}"})
            return dict(answer.raise_for_status().json())

        body = {"title": title, "script": script, "zones": ["thon-dong"], "airs_at": noon.isoformat()}
        bulletin = ask("canbo", "/api/bulletins", body)["id"]
        ask("canbo", f"/api/bulletins/{bulletin}/submit", {})
        ask("lanhdao", f"/api/bulletins/{bulletin}/approve", {"revision": 1})
    return f"b-{bulletin}-r1"


def after_reloading(page: Page, wanted: Locator, limit_s: int = 120) -> None:
    """Wait for what a page shows when it is loaded again."""
    for _ in range(limit_s):
        try:
            expect(wanted).to_be_attached(timeout=1000)
        except AssertionError:
            page.reload()
        else:
            return
    expect(wanted).to_be_attached()


@pytest.mark.parametrize(
    ("screen", "written", "spoken"), [("desktop", "Nà Lạc", "nà lác"), ("phone", "CLBKT", "câu lạc bộ")]
)
def test_a_word_is_heard_and_changes_what_waits(
    people: People, house: House, screen: str, written: str, spoken: str
) -> None:
    title = f"Họp ở {written}"
    broadcast = approved(house, title, f"Mời bà con đến {written} lúc 8h.")
    officer = people.sign_in("canbo", screen)
    officer.goto(f"/luot-phat/{broadcast}")
    clip = officer.locator('audio[src^="/clips/"]')
    after_reloading(officer, clip)
    before = clip.get_attribute("src")

    officer.goto("/tu-dien")
    officer.get_by_label("Viết là").fill(written)
    officer.get_by_label("Đọc là").fill(spoken)
    officer.get_by_role("button", name="Nghe thử").click()
    sound = officer.locator("#sound audio")
    expect(sound).to_have_attribute("src", re.compile(r"^/clips/[0-9a-f]{64}$"), timeout=60_000)
    assert length_of(sound) > 0.5
    assert no_sideways_scrolling(officer)
    officer.get_by_role("button", name="Thêm", exact=True).click()
    done = officer.get_by_role("status").filter(has_text="Đã thêm")
    expect(done).to_contain_text(f"“{written}” đọc là “{spoken}”")
    done.get_by_role("link", name=title).click()

    after_reloading(officer, officer.locator(f'audio[src^="/clips/"]:not([src="{before}"])'))
    expect(officer.locator("details", has_text="Lời đã đọc")).to_contain_text(f"đến {spoken} lúc tám giờ")
    assert no_sideways_scrolling(officer)
    assert people.complaints == []


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_doubt_beside_the_typing_is_settled_in_one_click(people: People, screen: str) -> None:
    officer = people.sign_in("canbo", screen)
    word = {"desktop": "Krzem", "phone": "Krzyn"}[screen]
    officer.goto("/soan")
    script = f"Mời đoàn {word} đến thăm."
    officer.get_by_label("Nội dung bản tin").fill(script)
    doubts = officer.locator(".doubts")
    expect(doubts).to_contain_text("Chưa chắc (1)")
    field = doubts.get_by_label(f"Đọc “{word}” là")
    field.fill("cờ dem")
    doubts.get_by_role("button", name="Nghe").click()
    expect(officer.locator("#reading audio")).to_have_attribute("src", re.compile("^/clips/"), timeout=60_000)
    field.fill("cờ dem")
    assert no_sideways_scrolling(officer)
    field.press("Enter")
    expect(officer.locator("#reading")).to_contain_text(f"Từ nay “{word}” luôn đọc là “cờ dem” trong xã.")
    expect(officer.locator(".reading mark")).to_contain_text("cờ dem")
    expect(doubts).to_have_count(0)
    assert officer.get_by_label("Nội dung bản tin").input_value() == script
    assert people.complaints == []


def test_old_letters_are_put_into_unicode_without_javascript(people: People) -> None:
    officer = people.sign_in("canbo", "phone", scripts=False)
    officer.goto("/soan")
    officer.get_by_label("Nội dung bản tin").fill("Mêi bµ con nh©n d©n x· Hßa B×nh ®Õn häp.")
    officer.get_by_role("button", name="Xem cách đọc").click()
    officer.get_by_role("button", name="Chuyển sang Unicode").click()
    expect(officer.get_by_label("Nội dung bản tin")).to_have_value("Mời bà con nhân dân xã Hòa Bình đến họp.")
    expect(officer.locator("#reading")).not_to_contain_text("bảng mã cũ")
