"""A bulletin as people see it: written, returned, approved, aired, logged, public, complained of, answered."""

import re
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.e2e.conftest import People
from tests.web.e2e.test_journeys import length_of
from tests.web.e2e.test_pages import SLOWLY, look_over, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
HOSTILE = "\u202e\u2066<script>window.struck = 1</script><img src=x onerror='window.struck = 1'> {{ 7*7 }} 🔊"
"""Before every title: it is shown as it is, but for the marks that turn text."""
SCRIPT = "Mời bà con họp lúc 14h30. Nhớ mang CCCD."


def hear(audio: Locator, rate: int) -> None:
    """All of it, from its beginning to its end, so many times as fast."""
    audio.evaluate(
        """(audio, rate) => new Promise((done, failed) => {
             audio.muted = true;
             audio.playbackRate = rate;
             audio.addEventListener("ended", () => done(), {once: true});
             audio.play().catch(failed);
           })""",
        rate,
    )


def note_marked(page: Page, root: str) -> None:
    """Note each sentence that is marked below `root`, in order, however short that is."""
    page.evaluate(
        """root => {
             window.marked = [];
             const look = () => {
               for (const said of document.querySelectorAll(`${root} .is-said`)) {
                 const text = said.textContent.trim();
                 if (window.marked.at(-1) !== text) window.marked.push(text);
               }
             };
             const options = {subtree: true, childList: true, attributes: true, attributeFilter: ["class"]};
             new MutationObserver(look).observe(document.body, options);
           }""",
        root,
    )


def hear_each(page: Page, last: Locator) -> None:
    """Players that begin one after another by themselves, quickly, until this last one has ended."""
    page.evaluate("document.addEventListener('play', event => { event.target.playbackRate = 8; }, true)")
    page.get_by_role("button", name="Nghe từng câu").click()
    last.evaluate(
        "audio => audio.ended || new Promise(done => audio.addEventListener('ended', () => done(), {once: true}))"
    )


def write(officer: Page, title: str, *, scripts: bool) -> None:
    """Type it, have one span read otherwise, hear it sentence by sentence, hand it in."""
    officer.goto("/soan")
    officer.get_by_label("Tiêu đề").fill(title)
    officer.get_by_label("Nội dung bản tin").fill(SCRIPT)
    officer.get_by_label("Thôn Đông").check()
    officer.get_by_label("Ngay sau khi duyệt").check()
    reading = officer.locator("#reading")
    if scripts:
        expect(officer.locator("#cost [data-lasts]")).to_contain_text("Dài khoảng")
        expect(officer.locator("#cost [data-days]")).to_contain_text("Thôn Đông")
        reading.get_by_role("button", name=re.compile("CCCD")).press("Enter")
    else:
        officer.get_by_role("button", name="Xem cách đọc").click()
        expect(officer.locator("#cost [data-days]")).to_contain_text("Thôn Đông")
        place = f"{SCRIPT.index('CCCD')}-{SCRIPT.index('CCCD') + 4}"
        reading.get_by_label("Chỗ được đổi thành lời").select_option(place)
        officer.get_by_role("button", name="Nghe hoặc đổi cách đọc").click()
    expect(officer.locator("#choice")).to_contain_text("Đọc “CCCD” thế nào?")
    officer.locator("#choice").get_by_text("xê xê xê đê").click()
    officer.get_by_role("button", name="Nghe cách đọc").click(timeout=SLOWLY)
    expect(reading.locator("audio")).to_have_attribute("src", re.compile("^/clips/"), timeout=SLOWLY)
    officer.locator("#choice").get_by_text("xê xê xê đê").click()
    if scripts:
        look_over(officer)
    officer.get_by_role("button", name="Chỉ đọc thế trong bản tin này").click()
    expect(officer.get_by_label("Nội dung bản tin")).to_have_value(SCRIPT.replace("CCCD", "xê xê xê đê"))
    if scripts:
        note_marked(officer, "#reading")
    sentences = officer.locator("[data-sentences] audio")
    if scripts:
        hear_each(officer, sentences.nth(1))
        first, second = officer.evaluate("window.marked")
        assert first.startswith("Mời bà con")
        assert second.startswith("Nhớ mang")
        look_over(officer)
    else:
        officer.get_by_role("button", name="Nghe từng câu").click()
        expect(sentences).to_have_count(2)
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator(".head")).to_contain_text("Chờ duyệt")


def return_and_approve(leader: Page, officer: Page, title: str, *, scripts: bool) -> None:
    """On the list itself: two presses to return it, and two to approve it once it is heard."""
    leader.goto("/duyet")
    card = leader.locator("[data-bulletin]", has_text=title)
    card.get_by_text("Trả lại, kèm lý do").click()
    card.get_by_role("button", name="Nội dung chưa đúng.").click()
    expect(leader.get_by_text("Đã trả lại bản tin cho người soạn.")).to_be_visible()
    officer.reload()
    expect(officer.locator("main")).to_contain_text("Nội dung chưa đúng.")
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator(".head")).to_contain_text("Chờ duyệt")
    leader.goto("/duyet")
    card.get_by_role("button", name="Nghe", exact=True).click(timeout=SLOWLY)
    heard = leader.get_by_label("Tôi đã nghe bản tin này").first
    if scripts:
        sound = card.locator("audio")
        expect(sound).to_have_attribute("src", re.compile("^/clips/"), timeout=SLOWLY)
        look_over(leader)
        heard = card.get_by_label("Tôi đã nghe bản tin này")
        expect(heard).not_to_be_checked()
        hear(sound, 8)
        expect(heard).to_be_checked()
        card.get_by_role("button", name="Duyệt cho phát").click()
    else:
        expect(leader.locator("#sound audio")).to_be_visible(timeout=SLOWLY)
        heard.check()
        leader.get_by_role("button", name="Duyệt cho phát").click()
    expect(leader.get_by_text("Đã duyệt.")).to_be_visible()


def read_the_log(officer: Page, title: str, *, scripts: bool) -> None:
    """Filtered to what was played there; what was said, approved and by whom; the papers."""
    played = officer.locator("[data-broadcast]", has_text=title).locator('tr[data-node="dong-1"]', has_text="Đã phát")
    until(officer, played, "/nhat-ky?thon=thon-dong&ket-qua=played")
    if scripts:
        look_over(officer)
    officer.get_by_label("Thôn", exact=True).select_option("thon-tay")
    officer.get_by_role("button", name="Xem", exact=True).click()
    expect(officer.locator("[data-broadcast]", has_text=title)).to_have_count(0)
    table = officer.request.get(officer.get_by_role("link", name="Tải bảng (CSV)").get_attribute("href") or "").body()
    assert table.startswith(b"\xef\xbb\xbf")
    officer.get_by_role("link", name="Báo cáo tháng").first.click()
    officer.wait_for_url(re.compile("/bao-cao"))
    if scripts:
        look_over(officer)
    pdf = officer.request.get(officer.get_by_role("link", name="Tải báo cáo (PDF)").get_attribute("href") or "")
    assert pdf.body().startswith(b"%PDF-")
    officer.goto("/nhat-ky")
    officer.locator("[data-broadcast]", has_text=title).get_by_role("link", name=title).click()
    officer.wait_for_url(re.compile("/luot-phat/"))
    officer.get_by_text("Lời đã duyệt").click()
    expect(officer.locator("[data-approval]")).to_contain_text("Lãnh đạo duyệt duyệt lúc")
    sound = officer.locator("audio[data-words]").first
    if scripts:
        look_over(officer)
        assert length_of(load(sound)) > 2
    else:
        assert officer.request.get(sound.get_attribute("src") or "").ok


def load(audio: Locator) -> Locator:
    audio.evaluate("audio => { audio.preload = 'metadata'; audio.load(); }")
    return audio


def listen_and_complain(admin: Page, officer: Page, title: str, *, scripts: bool) -> None:
    """As residents do: read along, the podcast, a word to the commune; and its answer."""
    admin.goto("/gop-y")
    opens = admin.get_by_role("button", name="Mở trang công khai")
    if opens.count():
        admin.once("dialog", lambda dialog: dialog.accept())
        opens.click()
        expect(opens).to_have_count(0)
    officer.goto("/cong-khai")
    article = officer.locator("article", has_text=title)
    if scripts:
        note_marked(officer, "article")
        hear(article.locator("audio"), 2)
        assert officer.evaluate("window.marked") == [
            "Mời bà con họp lúc 14h30.",
            "Nhớ mang xê xê xê đê.",
        ]
        look_over(officer)
    else:
        article.get_by_text("Đọc lời").click()
        expect(article).to_contain_text("14h30")
    feed = officer.request.get("/cong-khai/podcast.xml").text()
    assert escape(title, quote=False) in feed
    assert "<enclosure" in feed
    officer.get_by_label("Loa quá to").check()
    officer.get_by_label("Cụm loa gần nhà (không bắt buộc)").select_option("dong-1")
    officer.get_by_label("Nói rõ hơn (không cần ghi tên)").fill(f"To quá, {title}")
    officer.get_by_role("button", name="Gửi").click()
    expect(officer.get_by_text("Cảm ơn bà con.")).to_be_visible()
    officer.goto("/gop-y")
    row = officer.locator("section[data-said]", has_text=f"To quá, {title}")
    row.get_by_role("textbox").fill("Xã đã giảm âm lượng.")
    if scripts:
        look_over(officer)
    row.get_by_role("button", name="Trả lời").click()
    officer.goto("/cong-khai")
    expect(officer.locator("[data-said]", has_text=title)).to_contain_text("Xã đã giảm âm lượng.")


@pytest.mark.parametrize(("screen", "scripts"), [("desktop", True), ("phone", True), ("phone", False)])
def test_a_bulletin_is_written_decided_aired_logged_and_answered(people: People, screen: str, *, scripts: bool) -> None:
    officer = people.sign_in("canbo", screen, scripts=scripts)
    leader = people.sign_in("lanhdao", "phone", scripts=scripts)
    admin = people.sign_in("quantri", screen, scripts=scripts)
    title = f"Họp thôn, {screen} {scripts}"
    write(officer, HOSTILE + title, scripts=scripts)
    title = HOSTILE.lstrip("\u202e\u2066") + title
    return_and_approve(leader, officer, title, scripts=scripts)
    read_the_log(officer, title, scripts=scripts)
    listen_and_complain(admin, officer, title, scripts=scripts)
    assert people.complaints == []
    if scripts:
        assert [page.evaluate("window.struck") for page in (officer, leader, admin)] == [None] * 3


def test_a_village_is_drawn_and_chosen_on_the_map(people: People) -> None:
    admin, officer = people.sign_in("quantri"), people.sign_in("canbo")
    admin.goto("/ban-do/thon/thon-tay")
    admin.locator("#outline").fill("20.9525, 105.797\n20.953, 105.8068\n20.9455, 105.8072\n20.944, 105.798")
    look_over(admin)
    admin.get_by_role("button", name="Lưu ranh giới").click()
    officer.goto("/soan")
    village = officer.locator('[data-map="choose"][data-ready] path.leaflet-interactive')
    tick = officer.get_by_label("Thôn Tây")
    village.click()
    expect(tick).to_be_checked()
    expect(village).to_have_attribute("fill-opacity", "0.5")
    look_over(officer)
    village.click()
    expect(tick).not_to_be_checked()
    for page in (admin, officer):
        page.goto("/cum-loa/dong-1")
        expect(page.locator("[data-graphs][data-ready]")).to_be_attached()
    assert people.complaints == []


def in_days(ahead: int) -> str:
    """The commune's day, as a date field takes it."""
    return (datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date() + timedelta(days=ahead)).isoformat()


def write_from_template(officer: Page, place: str, *, scripts: bool) -> None:
    officer.goto("/soan")
    officer.get_by_role("link", name="Soạn từ mẫu").click()
    officer.get_by_role("link", name="Soạn từ mẫu Phun thuốc diệt muỗi").click()
    values = {"Khu vực": place, "Từ giờ": "05:00", "Đến giờ": "08:00", "Ngày phun": "2026-10-01", "Số phút": "45"}
    for label, value in values.items():
        officer.get_by_label(label, exact=True).fill(value)
    if scripts:
        look_over(officer)
    officer.get_by_role("button", name="Điền vào bản tin").click()
    expect(officer.get_by_label("Nội dung bản tin")).to_contain_text("từ 5 giờ đến 8 giờ, thứ năm, ngày 1/10/2026")
    expect(officer.locator("#reading")).to_contain_text("bốn mươi lăm phút")
    officer.get_by_label("Tiêu đề").fill(f"Phun thuốc ở {place}")
    officer.get_by_label("Thôn Tây").check()
    officer.get_by_label("Vào giờ đã chọn").check()
    officer.get_by_label("Ngày", exact=True).fill(in_days(1))
    officer.get_by_label("Giờ", exact=True).fill("10:15")
    officer.get_by_role("button", name="Gửi duyệt").click()
    expect(officer.locator(".head")).to_contain_text("Chờ duyệt")


@pytest.mark.parametrize(("screen", "scripts"), [("desktop", True), ("phone", False)])
def test_a_deputy_approves_what_was_written_from_a_template(people: People, screen: str, *, scripts: bool) -> None:
    officer = people.sign_in("canbo", screen, scripts=scripts)
    leader = people.sign_in("lanhdao", screen, scripts=scripts)
    deputy = people.sign_in("quantri", screen, scripts=scripts)
    place = f"thôn Tây, {screen}"
    write_from_template(officer, place, scripts=scripts)
    expect(deputy.locator('nav a[href="/duyet"]')).to_have_count(0)

    leader.goto("/quy-tac-duyet")
    leader.get_by_label("Người duyệt thay tôi").select_option("quantri")
    leader.get_by_label("Đến hết ngày").fill(in_days(2))
    leader.get_by_role("button", name="Ủy quyền").click()
    expect(leader.locator("[data-delegation]")).to_contain_text("Quản trị")
    if scripts:
        look_over(leader)

    deputy.goto("/duyet")
    expect(deputy.get_by_text("Bạn duyệt thay Lãnh đạo duyệt")).to_be_visible()
    card = deputy.locator("[data-bulletin]", has_text=place)
    if scripts:
        look_over(deputy)
    card.get_by_role("button", name="Duyệt mà chưa nghe").click()
    expect(deputy.get_by_text("Đã duyệt.")).to_be_visible()
    deputy.goto("/duyet")
    deputy.get_by_role("button", name="Thôi duyệt thay").click()
    expect(deputy.get_by_text("Đã kết thúc ủy quyền.")).to_be_visible()
    expect(deputy.locator('nav a[href="/duyet"]')).to_have_count(0)

    officer.goto("/khan-cap/cac-thon")
    expect(officer.locator('[data-village="thon-tay"]')).to_contain_text("1/1 loa nối được")
    if scripts:
        look_over(officer)
    assert people.complaints == []
