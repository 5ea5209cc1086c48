"""From an officer's draft to a leader's decision, as the pages show it, without JavaScript."""

from tests.web.conftest import Browser, SignIn

SCRIPT = "Mời bà con họp lúc 14h30 ngày 22/9/2026 tại NVH thôn Đông."


async def write(officer: Browser, act: str = "act=submit", **typed: str | list[str]) -> str:
    await officer.get("/soan")
    form: dict[str, str | list[str]] = {
        "title": "Họp thôn", "script": SCRIPT, "zones": ["thon-dong"], "when": "now", **typed,
    }  # fmt: skip
    await officer.send("#compose", act, **form)
    return officer.path.rpartition("/")[2]


async def test_a_bulletin_is_written_submitted_and_approved(browse: SignIn) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    bulletin = await write(officer)
    assert officer.path == f"/ban-tin/{bulletin}"
    assert "Chờ duyệt" in officer.text(".head")
    assert officer.text('[role="status"].note') == "Đã gửi bản tin chờ duyệt."
    await leader.get("/duyet")
    assert "Họp thôn" in leader.text("main .card")
    await leader.get(f"/ban-tin/{bulletin}")
    assert "mười bốn giờ" in leader.text(".reading")
    await leader.send('form:has(button[value="approve"])', "act=approve", heard="yes")
    assert leader.path == "/duyet"
    assert leader.text('[role="status"].note') == "Đã duyệt. Bản tin được phát ngay khi tạo xong âm thanh."
    await officer.get(f"/ban-tin/{bulletin}")
    assert "Đã duyệt" in officer.text(".head")
    assert "Đã lên lịch" in officer.text("main")


async def test_a_returned_bulletin_comes_back_with_its_reason(browse: SignIn) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    bulletin = await write(officer)
    await leader.get(f"/ban-tin/{bulletin}")
    await leader.send('form:has(button[value="return"])', "act=return", reason="")
    assert leader.answer.status_code == 422
    assert leader.text(".error") == "Chưa nhập nội dung."
    await leader.send('form:has(button[value="return"])', "act=return", reason="Thiếu <b>địa điểm</b>.")
    await officer.get(f"/soan/{bulletin}")
    assert "Thiếu <b>địa điểm</b>." in officer.text(".tone-warn")
    await officer.send("#compose", "act=submit", script=SCRIPT + " Sân đình.")
    assert "Chờ duyệt" in officer.text(".head")


async def test_on_the_list_it_is_heard_approved_or_returned_at_once(browse: SignIn) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    first, second = await write(officer), await write(officer)
    await leader.get("/duyet")
    card = f'[data-bulletin="{second}"]'
    assert "Thôn Đông" in leader.text(card)
    assert leader.attributes(f'{card} button[value="listen"]')["hx-post"] == f"/ban-tin/{second}/nghe"
    said = leader.attributes(f'{card} button[name="why"]')["value"]
    await leader.send(f'{card} form:has(button[name="why"])', f"why={said}", reason="")
    assert leader.path == "/duyet"
    assert leader.page.css_first(card) is None
    await leader.send(f'[data-bulletin="{first}"] form:has(button[value="approve"])', "act=approve", heard="yes")
    assert "Không có bản tin nào đang chờ duyệt." in leader.text("main")
    await officer.get(f"/ban-tin/{second}")
    assert said in officer.text(".note .script")


async def test_what_was_edited_since_it_was_read_is_not_approved(browse: SignIn) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    bulletin = await write(officer)
    await leader.get(f"/ban-tin/{bulletin}")
    await officer.get(f"/soan/{bulletin}")
    await officer.send("#compose", "act=submit", script="Nội dung khác hẳn.")
    await leader.send('form:has(button[value="approve"])', "act=approve", heard="yes")
    assert leader.answer.status_code == 409
    assert "Nội dung khác hẳn" in leader.text(".reading")
    assert "Chờ duyệt" in leader.text(".head")


async def test_nobody_approves_their_own(browse: SignIn) -> None:
    leader = await browse("leader")
    bulletin = await write(leader)
    assert leader.page.css_first('button[value="approve"]') is None
    secret = leader.attributes('#act input[name="csrf"]')["value"]
    answer = await leader.http.post(
        f"/ban-tin/{bulletin}", data={"csrf": secret, "act": "approve", "heard": "yes", "revision": "1"}
    )
    assert answer.status_code == 403


async def test_a_draft_is_its_authors_alone(browse: SignIn) -> None:
    officer, other, leader = await browse("officer"), await browse("officer2"), await browse("leader")
    bulletin = await write(officer, "act=save")
    assert officer.path == f"/soan/{bulletin}"
    for stranger in (other, leader):
        for path in (f"/soan/{bulletin}", f"/ban-tin/{bulletin}"):
            await stranger.get(path)
            assert stranger.answer.status_code == 404
        await stranger.get("/ban-tin")
        assert "Họp thôn" not in stranger.text("main")


async def test_two_who_edit_one_do_not_overwrite_each_other(browse: SignIn) -> None:
    one, other = await browse("officer"), await browse("officer2")
    bulletin = await write(one)
    await one.get(f"/soan/{bulletin}")
    await other.get(f"/soan/{bulletin}")
    await one.send("#compose", "act=submit", script="Bản của người thứ nhất.")
    await other.send("#compose", "act=submit", script="Bản của người thứ hai.")
    assert other.answer.status_code == 409
    assert other.text("#script") == "Bản của người thứ hai."
    await one.get(f"/ban-tin/{bulletin}")
    assert "người thứ nhất" in one.text(".reading")


async def test_nothing_typed_is_lost_when_something_is_wrong(browse: SignIn) -> None:
    officer = await browse("officer")
    title = "Tin </textarea><script>1</script>"
    await write(officer, zones=[], when="at", on="2020-01-01", minute="05:30", title=title)
    assert officer.answer.status_code == 422
    assert officer.text("#script") == SCRIPT
    assert officer.attributes("#title")["value"] == title
    assert officer.attributes("#on")["value"] == "2020-01-01"
    assert officer.attributes('input[name="when"][value="at"]').keys() >= {"checked"}
    assert "1" not in [script.text() for script in officer.page.css("script")]


async def test_a_time_in_the_past_is_named_at_its_field(browse: SignIn) -> None:
    officer = await browse("officer")
    await write(officer, when="at", on="2026-09-22", minute="09:59")
    assert officer.answer.status_code == 422
    assert officer.page.css_first("#error-airs_at") is not None
    await officer.send("#compose", "act=submit", on="2026-09-22", minute="10:30")
    assert "22/09/2026 10:30" in officer.text(".facts")


async def test_the_reading_is_shown_without_javascript_too(browse: SignIn) -> None:
    officer = await browse("officer")
    await write(officer, "act=read")
    marks = [" ".join(mark.text().split()) for mark in officer.page.css(".reading mark")]
    assert "nhà văn hóa viết làNVH" in marks
    assert any(mark.startswith("mười bốn giờ ba mươi") and mark.endswith("14h30") for mark in marks)


async def test_the_reading_follows_the_typing(browse: SignIn) -> None:
    officer = await browse("officer")
    await officer.get("/soan")
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    answer = await officer.http.post("/soan/doc", data={"script": "Giá 5.000đ <i>"}, headers={"x-csrf-token": secret})
    assert "năm nghìn đồng" in answer.text
    assert "<i>" not in answer.text
    assert "<html" not in answer.text


async def test_a_withdrawn_bulletin_can_no_longer_be_changed(browse: SignIn) -> None:
    officer = await browse("officer")
    bulletin = await write(officer)
    await officer.send('form:has(button[value="withdraw"])', "act=withdraw")
    assert "Đã rút" in officer.text(".head")
    assert officer.page.css_first(f'a[href="/soan/{bulletin}"]') is None


async def test_a_bulletin_is_read_twice_if_asked(browse: SignIn) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    bulletin = await write(officer, is_read_twice="yes")
    await leader.get(f"/ban-tin/{bulletin}")
    assert "Đọc hai lần" in leader.text(".facts")
    await officer.get(f"/soan/{bulletin}")
    assert "checked" in officer.attributes('#compose input[name="is_read_twice"]')
    answer = await officer.http.get(f"/api/bulletins/{bulletin}")
    assert answer.json()["is_read_twice"] is True
