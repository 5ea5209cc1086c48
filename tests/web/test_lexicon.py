"""The commune's lexicon on its page, through the API, and from the list of doubts beside a bulletin."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlmodel import select

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.lexicon import add_word, check_word, list_words
from broadcast.models import Bulletin, Rendering, row_id
from broadcast.reading_rules import rules_of
from broadcast.users import get_user, open_session
from tests.web.conftest import NOW, Browser, Clock, Commune, Programs, SignIn

DOUBTFUL = "Mời bà con bản Pắk Ngà họp. Đại biểu Pắk Ngà phát biểu."
LEGACY = "KÝnh göi bµ con nh©n d©n x· Hßa B×nh. §Ò nghÞ c¸c hé gia ®×nh thu dän vÖ sinh."


def add(commune: Commune, written: str, spoken: str, note: str = "") -> int:
    with commune.work() as session:
        entry = add_word(session, check_word(written, spoken, note), get_user(session, "officer"), NOW)
        return row_id(entry.id)


def waiting(commune: Commune, script: str) -> str:
    """An approved bulletin's broadcast that airs in an hour."""
    with commune.work() as session:
        officer, leader = get_user(session, "officer"), get_user(session, "leader")
        bulletin = write_bulletin(
            session,
            officer,
            title="Họp bản",
            script=script,
            zones=["thon-dong"],
            airs_at=NOW + timedelta(hours=1),
            now=NOW,
        )
        submit_bulletin(session, bulletin.id, officer, NOW)
        approve_bulletin(session, bulletin.id, leader, 1, NOW)
        return f"b-{bulletin.id}-r1"


@contextmanager
def words(commune: Commune) -> Iterator[dict[str, str]]:
    with commune.work() as session:
        yield {entry.written: entry.spoken for entry in list_words(session)}


async def test_a_word_is_added_changed_and_removed_and_what_waits_is_named(browse: SignIn, commune: Commune) -> None:
    broadcast = waiting(commune, "Họp ở Nà Lạc.")
    officer = await browse("officer")
    await officer.get("/tu-dien")
    assert officer.text("[aria-current]") == "Từ điển"
    assert "chưa có mục nào" in officer.text("main")
    await officer.send("#word", written="Nà Lạc", spoken="nà lác", note="cụ Páo nói thế")
    assert "Đã thêm: “Nà Lạc” đọc là “nà lác”." in officer.text('[role="status"]')
    assert officer.attributes(f'[role="status"] a[href="/luot-phat/{broadcast}"]')
    assert "22/09/2026 11:00" in officer.text('[role="status"]')
    assert "Nà Lạc → nà lác cụ Páo nói thế Bà officer" in officer.text('li[data-word="1"]')
    await officer.get("/tu-dien/1")
    await officer.send("#word", "act=keep", spoken="nà lắc")
    assert "Đã sửa" in officer.text('[role="status"]')
    await officer.get("/tu-dien/1")
    await officer.send("#word", "act=remove")
    assert "Đã xóa “Nà Lạc”" in officer.text('[role="status"]')
    assert officer.page.css_first("[data-word]") is None


async def test_what_cannot_be_kept_is_named_at_its_field_and_nothing_typed_is_lost(
    browse: SignIn, commune: Commune
) -> None:
    add(commune, "Nà Lạc", "nà lác")
    officer = await browse("officer")
    await officer.get("/tu-dien")
    await officer.send("#word", written='"><b>Km 5', spoken="ki lô mét 5", note="n")
    assert officer.answer.status_code == 422
    assert "số và ký hiệu phải viết thành lời" in officer.text("#error-spoken")
    assert officer.attributes("#written")["value"] == '"><b>Km 5'
    assert officer.attributes("#spoken").keys() >= {"aria-invalid"}
    await officer.send("#word", written="nà lạc", spoken="nà lạc")
    assert officer.answer.status_code == 409
    assert "Từ điển đã có “Nà Lạc”, đọc là “nà lác”" in officer.text('[role="alert"]')


async def test_two_who_edit_one_word_do_not_overwrite_each_other(browse: SignIn, commune: Commune) -> None:
    word = add(commune, "Nà Lạc", "nà lác")
    one, other = await browse("officer"), await browse("leader")
    await one.get(f"/tu-dien/{word}")
    await other.get(f"/tu-dien/{word}")
    await one.send("#word", "act=keep", spoken="nà lạc")
    await other.send("#word", "act=keep", spoken="nà lắc")
    assert other.answer.status_code == 409
    assert "vừa được người khác sửa thành “nà lạc”" in other.text('[role="alert"]')
    assert other.attributes("#spoken")["value"] == "nà lắc"
    await other.send("#word", "act=remove")
    assert other.answer.status_code == 409


async def test_a_village_head_reads_and_takes_out_and_changes_nothing(browse: SignIn, commune: Commune) -> None:
    add(commune, "Nà Lạc", "nà lác")
    head = await browse("head")
    await head.get("/tu-dien")
    assert "Nà Lạc → nà lác" in head.text("main")
    assert head.page.css_first("#word, #table, #style") is None
    answer = await head.http.get("/tu-dien.tsv")
    assert answer.content == "\ufeffviết\tđọc\tghi chú\nNà Lạc\tnà lác\t\n".encode()


async def test_words_are_found_by_either_form(browse: SignIn, commune: Commune) -> None:
    add(commune, "Nà Lạc", "nà lác")
    add(commune, "CTĐ", "chữ thập đỏ")
    officer = await browse("officer")
    await officer.get("/tu-dien?tim=THẬP")
    assert [" ".join(row.text().split()).partition(" ")[0] for row in officer.page.css("[data-word]")] == ["CTĐ"]
    await officer.get("/tu-dien?tim=%3Cscript%3E")
    assert "Không tìm thấy mục nào." in officer.text("main")


TABLE = "viết\tđọc\tghi chú\r\nNà Lạc\tnà lác\t\r\nCTĐ\tchữ thập đỏ\tHội\r\n"


async def test_a_table_is_looked_at_first_and_then_brought_in(browse: SignIn, commune: Commune) -> None:
    add(commune, "CTĐ", "chữ thập")
    officer = await browse("officer")
    await officer.get("/tu-dien")
    await officer.send("#table", "act=preview", table=TABLE)
    assert "Sẽ thêm 1 mục, sửa 1 mục; 0 mục giữ nguyên." in officer.text("#plan")
    assert "CTĐ → chữ thập đỏ (trước: chữ thập)" in officer.text("#plan")
    with words(commune) as known:
        assert known == {"CTĐ": "chữ thập"}
    await officer.send("#table", "act=import")
    assert "Đã nhập bảng: thêm 1 mục, sửa 1 mục." in officer.text('[role="status"]')
    with words(commune) as known:
        assert known == {"CTĐ": "chữ thập đỏ", "Nà Lạc": "nà lác"}


async def test_a_table_with_an_error_is_shown_by_its_lines_and_changes_nothing(
    browse: SignIn, commune: Commune
) -> None:
    officer = await browse("officer")
    await officer.get("/tu-dien")
    await officer.send("#table", "act=preview", table=TABLE + "Km\tsố 5\nmột\n")
    assert "Dòng 4: Cách đọc chỉ gồm chữ" in officer.text("#plan")
    assert "Dòng 5: cần hai hoặc ba cột" in officer.text("#plan")
    assert officer.page.css_first('button[value="import"]') is None
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    form = {
        "csrf": secret,
        "act": "import",
        "table": TABLE + "một\n",
        "seen": officer.attributes("[name=seen]")["value"],
    }
    await officer.http.post("/tu-dien/nhap", data=form)
    with words(commune) as known:
        assert known == {}


async def test_a_lexicon_that_changed_since_the_look_is_looked_at_again(browse: SignIn, commune: Commune) -> None:
    officer = await browse("officer")
    await officer.get("/tu-dien")
    await officer.send("#table", "act=preview", table=TABLE)
    add(commune, "CTĐ", "chữ thập")
    await officer.send("#table", "act=import")
    assert "Sẽ thêm 1 mục, sửa 1 mục" in officer.text("#plan")
    with words(commune) as known:
        assert known == {"CTĐ": "chữ thập"}


async def test_a_spreadsheets_file_is_taken_as_it_saves_it(browse: SignIn, commune: Commune) -> None:
    officer = await browse("officer")
    await officer.get("/tu-dien")
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    files = {"file": ("tu-dien.txt", TABLE.encode("utf-16"), "text/plain")}
    answer = await officer.http.post("/tu-dien/nhap", data={"csrf": secret, "act": "preview"}, files=files)
    assert "Sẽ thêm 2 mục" in answer.text
    files = {"file": ("tu-dien.xls", b"\xd0\xcf\x11\xe0\x00\xff", "text/plain")}
    answer = await officer.http.post("/tu-dien/nhap", data={"csrf": secret, "act": "preview"}, files=files)
    assert (answer.status_code, "Tệp không phải Unicode" in answer.text) == (422, True)


async def test_the_regions_way_of_numbers_is_chosen_and_previews_follow(browse: SignIn, commune: Commune) -> None:
    broadcast = waiting(commune, "Có 1.105 hộ.")
    leader = await browse("leader")
    await leader.get("/tu-dien")
    assert leader.attributes('input[name="thousand"][value="nghìn"]').keys() >= {"checked"}
    await leader.send("#style", thousand="ngàn", gap="lẻ")
    assert leader.attributes('input[name="thousand"][value="ngàn"]').keys() >= {"checked"}
    assert leader.attributes(f'[role="status"] a[href="/luot-phat/{broadcast}"]')
    await leader.get("/soan")
    await leader.send("#compose", "act=read", script="Có 1.105 hộ.")
    assert "một ngàn một trăm lẻ năm" in leader.text("#reading")
    await leader.get("/tu-dien")
    await leader.send("#style", thousand="vạn")
    assert leader.answer.status_code == 422


async def compose(officer: Browser, script: str, act: str = "act=read") -> None:
    await officer.get("/soan")
    await officer.send("#compose", act, title="Tin", script=script, zones=["thon-dong"], when="now")


async def test_doubts_are_listed_once_each_with_what_stands_around(browse: SignIn) -> None:
    officer = await browse("officer")
    await compose(officer, DOUBTFUL)
    assert officer.text(".doubts summary") == "Chưa chắc (1)"
    assert "Pắk tiếng nước ngoài · 2 lần · “…Mời bà con bản Pắk Ngà họp" in officer.text(".doubts li")


async def test_a_doubt_is_settled_in_one_click_for_the_whole_commune(browse: SignIn, commune: Commune) -> None:
    broadcast = waiting(commune, "Bản Pắk Ngà họp.")
    officer = await browse("officer")
    await compose(officer, DOUBTFUL)
    await officer.send("#compose", "teach=1", **{"spoken:1": "pác"})
    assert "Từ nay “Pắk” luôn đọc là “pác” trong xã." in officer.text("#reading")
    assert officer.page.css_first(".doubts") is None
    assert officer.text("#script") == DOUBTFUL
    with words(commune) as known:
        assert known == {"Pắk": "pác"}
    await compose(officer, DOUBTFUL.replace("Pắk", "Pẳk"))
    await officer.send("#compose", "teach=1", **{"spoken:1": "pác 5"})
    assert "số và ký hiệu phải viết thành lời" in officer.text("#reading [role=alert]")
    await officer.get(f"/luot-phat/{broadcast}")
    assert officer.answer.status_code == 200


async def test_a_doubt_is_settled_beside_the_typing(browse: SignIn, commune: Commune) -> None:
    broadcast = waiting(commune, "Bản Pắk Ngà họp.")
    officer = await browse("officer")
    await officer.get("/soan")
    headers = {"x-csrf-token": officer.attributes('#act input[name="csrf"]')["value"], "hx-request": "true"}
    form = {"script": DOUBTFUL, "teach": "1", "written:1": "Pắk", "spoken:1": "pác"}
    answer = await officer.http.post("/soan/luon-doc", data=form, headers=headers)
    assert f'href="/luot-phat/{broadcast}"' in answer.text
    assert "<html" not in answer.text
    assert "pác <small>" in answer.text


async def test_a_leader_settles_a_doubt_where_it_is_approved(browse: SignIn, commune: Commune) -> None:
    officer, leader = await browse("officer"), await browse("leader")
    await compose(officer, DOUBTFUL, "act=submit")
    bulletin = officer.path
    await leader.get(bulletin)
    assert leader.text(".doubts summary") == "Chưa chắc (1)"
    await leader.send("main form:has(.doubts)", "teach=1", **{"spoken:1": "pác"})
    assert "Từ nay “Pắk” luôn đọc là “pác”" in leader.text("#reading")
    assert "Chờ duyệt" in leader.text(".head")
    with commune.work() as session:
        assert session.exec(select(Bulletin)).one().revision == 1


async def test_a_leader_sees_what_is_said_otherwise_since_a_week(
    browse: SignIn, commune: Commune, clock: Clock
) -> None:
    add(commune, "Nà Lạc", "nà lác")
    leader = await browse("leader")
    await leader.get("/duyet")
    assert leader.text("#words-title") == "Cách đọc mới trong tuần"
    assert "Nà Lạc → nà lác Bà officer, 22/09/2026 10:00" in leader.text("main")
    clock.pass_time(timedelta(days=7))
    with commune.work() as session:
        token, _ = open_session(session, get_user(session, "leader"), clock())
    leader.http.cookies.set("loalang", token)
    await leader.get("/duyet")
    assert leader.page.css_first("#words-title") is None


async def test_who_may_not_edit_is_offered_nothing_to_teach(browse: SignIn) -> None:
    head = await browse("head")
    await head.get("/khan-cap")
    await head.send("main form", text=DOUBTFUL)
    assert head.text(".doubts summary") == "Chưa chắc (1)"
    assert head.page.css_first(".doubts button, .doubts input") is None


async def test_legacy_text_is_offered_in_unicode_and_read_as_what_it_says(browse: SignIn) -> None:
    officer = await browse("officer")
    await compose(officer, LEGACY)
    assert "bảng mã cũ TCVN3" in officer.text("#reading")
    marks = [" ".join(mark.text(separator=" ").split()) for mark in officer.page.css(".reading mark")]
    assert marks[:3] == ["Kính viết là KÝnh", "gửi viết là göi", "bà viết là bµ"]
    await officer.send("#compose", "act=convert", title="Tin vÖ sinh c¸c x·")
    assert officer.text("#script").startswith("Kính gửi bà con nhân dân xã Hòa Bình. Đề nghị các hộ")
    assert "bảng mã cũ" not in officer.text("#reading")
    assert officer.attributes("#title")["value"] == "Tin vệ sinh các xã"
    assert officer.path == "/soan"


async def test_what_is_left_out_is_shown_and_silence_is_said(browse: SignIn) -> None:
    officer = await browse("officer")
    await compose(officer, "Chúc mừng 🎉 bà con. Mã 中文.")
    marks = [" ".join(mark.text(separator=" ").split()) for mark in officer.page.css(".reading mark")]
    assert marks == ["(không đọc) viết là 🎉", "đoạn chữ hán viết là 中文"]
    assert officer.text(".doubts summary") == "Chưa chắc (1)"
    await compose(officer, "– – –")
    assert officer.text("#reading .note") == "Nội dung này không có gì để đọc."


async def test_a_text_that_is_too_long_is_said_and_kept(browse: SignIn) -> None:
    officer = await browse("officer")
    await compose(officer, "Mời bà con họp. " * 6250, "act=save")
    assert officer.answer.status_code == 422
    assert "Bản tin dài 100.000 ký tự, quá 20.000" in officer.text("#reading")
    assert len(officer.text("#script")) == 99_999


@pytest.mark.parametrize(
    "odd",
    [
        "Tên\tTuổi\tĐịa chỉ\nLò Văn Ón\t47\tbản Pắk\n" * 300,
        "中文，你好。👨‍👩‍👧‍👦🇻🇳 ﷽" * 400,
        "x" * 20_000,
        "82/KH-UBND 4.250m3/s <b>&amp; " * 600,
        "Pắk" + "".join(chr(0x1EA0 + n % 80) for n in range(15_000)),
    ],
    ids=["table", "foreign", "one word", "codes", "letters"],
)
async def test_odd_text_is_shown_and_bounded(browse: SignIn, odd: str) -> None:
    officer = await browse("officer")
    await compose(officer, odd)
    assert officer.answer.status_code == 200
    assert officer.page.css_first("#reading .reading") is not None
    assert len(officer.page.css(".doubts li")) <= 40
    assert len(officer.answer.content) < 4_000_000


async def test_the_api_keeps_a_word_and_says_what_it_touches(api: Programs, commune: Commune) -> None:
    broadcast = waiting(commune, "Họp ở Nà Lạc.")
    officer = api("officer")
    made = await officer.post("/api/lexicon", json={"written": "Nà Lạc", "spoken": "nà lác"})
    assert made.status_code == 201
    word, (touched,) = made.json()["word"], made.json()["touched"]
    assert (word["id"], word["revision"], word["note"]) == (1, 1, "")
    assert (touched["broadcast"], touched["left_alone"], touched["title"]) == (broadcast, None, "Họp bản")
    assert (await officer.post("/api/normalize", json={"text": "Nà Lạc"})).json()["spoken"] == "nà lác"
    change = {"written": "Nà Lạc", "spoken": "nà lắc", "revision": 1}
    assert (await officer.put("/api/lexicon/1", json=change)).json()["word"]["revision"] == 2
    again = await officer.put("/api/lexicon/1", json=change)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "edited-since")
    assert [one["spoken"] for one in (await officer.get("/api/lexicon")).json()["words"]] == ["nà lắc"]
    assert (await officer.delete("/api/lexicon/1?revision=1")).status_code == 409
    gone = await officer.delete("/api/lexicon/1?revision=2")
    assert (gone.status_code, gone.json()["word"]) == (200, None)
    assert (await officer.delete("/api/lexicon/1?revision=2")).json()["error"]["code"] == "no-word"


async def test_the_api_takes_a_table_in_and_gives_it_back(api: Programs, commune: Commune) -> None:
    officer = api("officer")
    preview = (await officer.post("/api/lexicon/import", json={"tsv": TABLE, "preview": True})).json()
    assert (preview["done"], preview["added"], preview["errors"]) == (False, ["Nà Lạc", "CTĐ"], [])
    done = (await officer.post("/api/lexicon/import", json={"tsv": TABLE, "seen": preview["seen"]})).json()
    assert (done["done"], done["added"]) == (True, ["Nà Lạc", "CTĐ"])
    answer = await officer.get("/api/lexicon/export")
    assert answer.headers["content-type"].startswith("text/tab-separated-values")
    again = (await officer.post("/api/lexicon/import", json={"tsv": answer.text})).json()
    assert (again["added"], again["changed"], again["unchanged"]) == ([], [], 2)
    assert (await officer.get("/api/lexicon/export")).content == answer.content
    stale = await officer.post("/api/lexicon/import", json={"tsv": TABLE, "seen": preview["seen"]})
    assert stale.json()["error"]["code"] == "edited-since"
    bad = await officer.post("/api/lexicon/import", json={"tsv": "một\nhai\n"})
    assert (bad.status_code, bad.json()["error"]["field"]) == (422, "tsv")
    assert bad.json()["error"]["message"].startswith("Dòng 1: cần hai hoặc ba cột")


async def test_the_api_sets_the_style(api: Programs, commune: Commune) -> None:
    broadcast = waiting(commune, "Có 1.105 hộ.")
    leader = api("leader")
    answer = (await leader.put("/api/reading-style", json={"thousand": "ngàn"})).json()
    assert (answer["style"]["thousand"], [one["broadcast"] for one in answer["touched"]]) == ("ngàn", [broadcast])
    assert (await leader.get("/api/reading-style")).json()["style"]["gap"] == "linh"
    assert (await leader.put("/api/reading-style", json={"thousand": "vạn"})).status_code == 422
    with commune.work() as session:
        assert rules_of(session).reading_style.thousand == "ngàn"


async def test_listening_wants_the_word_in_a_sentence_that_carries_it(
    browse: SignIn, commune: Commune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.pages.listen.PATIENCE", timedelta())
    word = add(commune, "Nà Lạc", "nà lác")
    head = await browse("head")
    await head.get("/tu-dien")
    await head.press(f'button[formaction="/tu-dien/{word}/nghe"]')
    assert "Chưa tạo xong âm thanh" in head.text("#sound")
    with commune.work() as session:
        assert "Loa sẽ đọc là: nà lác." in session.exec(select(Rendering.spoken)).all()
