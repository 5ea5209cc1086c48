"""Beside the typing: a span looked at and read otherwise, sentence by sentence, length and the village's day."""

from datetime import time, timedelta

import pytest

from broadcast.communes import get_commune
from broadcast.db import session_of
from broadcast.models import SpecialDayKind
from broadcast.rules import Rules, set_commune_rules
from broadcast.special_days import set_special_day
from players.messages import Window
from tests.web.conftest import NOW, Browser, Commune, SignIn
from web.other_readings import other_readings
from web.part_list import MAIN, TypedPart
from web.typed_bulletin import Typed, with_words

SCRIPT = "Mời bà con họp lúc 14h30 tại NVH thôn. Nhớ mang CCCD."
FORM: dict[str, str | list[str]] = {"title": "Họp", "script": SCRIPT, "zones": ["thon-dong"], "when": "now"}


@pytest.mark.parametrize(
    ("written", "spoken", "others"),
    [
        ("120", "một trăm hai mươi", ("một hai không",)),
        ("0912 345", "không chín một hai ba bốn năm", ("chín trăm mười hai ba trăm bốn mươi lăm",)),
        ("NVH", "nhà văn hóa", ("nờ vê hát",)),
        ("BAN", "bê a nờ", ("ban",)),
        ("💥", "", ()),
        ("9" * 61, "chín", ()),
    ],
)
def test_how_else_a_span_can_be_read(written: str, spoken: str, others: tuple[str, ...]) -> None:
    assert other_readings(written, spoken) == others


def test_words_are_put_where_the_span_stood_in_whichever_part_that_is() -> None:
    one = Typed(script="Họp 8h.\r\nTại NVH.")
    assert with_words(one, "12-15", "nhà rông").script == "Họp 8h.\nTại nhà rông."
    parts = (TypedPart("recorded", recording="r"), TypedPart(MAIN), TypedPart("text", " Đến lúc 9h. "))
    several = Typed(script="Họp 8h.", parts=parts)
    assert several.written == "Họp 8h.\n\nĐến lúc 9h."
    assert with_words(several, "4-6", "tám giờ").script == "Họp tám giờ."
    assert with_words(several, "17-19", "chín giờ").parts[2].text == "Đến lúc chín giờ."
    for nowhere in ("", "x", "5-", "40-44", "9-4", "1" * 30 + "-2"):
        assert with_words(several, nowhere, "gì") == several


async def shown(officer: Browser, act: str, **fields: str | list[str]) -> None:
    """Press a button of the form; nothing is kept by that."""
    if officer.path != "/soan":
        await officer.get("/soan")
        await officer.send("#compose", "act=read", **FORM)
    await officer.send("#compose", act, **{**FORM, **fields})


async def test_a_span_is_looked_at_and_said_otherwise_once(browse: SignIn) -> None:
    officer = await browse("officer")
    at = f"{SCRIPT.index('14h30')}-{SCRIPT.index('14h30') + 5}"
    await shown(officer, "act=span", span=at)
    assert "Đọc “14h30” thế nào?" in officer.text("#choice-title")
    offered = [one.attributes["value"] for one in officer.page.css('input[name="choice:0"]')]
    assert offered[0] == "mười bốn giờ ba mươi phút"
    assert len(offered) > 1
    picked = {"span": at, "choice:0": "hai rưỡi chiều"}
    await shown(officer, "act=say-once", **{**picked, "spoken:0": "14:30?"})
    assert officer.text("#script") == SCRIPT
    assert "chỉ gồm chữ" in officer.text('#reading [role="alert"]')
    await shown(officer, "act=say-once", **picked)
    assert officer.text("#script") == SCRIPT.replace("14h30", "hai rưỡi chiều")
    assert "hai rưỡi chiều" in officer.text(".reading")
    assert officer.page.css_first("#choice") is None


async def test_a_span_is_always_read_so_from_then_on(browse: SignIn) -> None:
    officer = await browse("officer")
    at = f"{SCRIPT.index('NVH')}-{SCRIPT.index('NVH') + 3}"
    await shown(officer, "act=span", span=at)
    await shown(officer, "teach=0", **{"span": at, "choice:0": "nhà rông"})
    assert "Từ nay “NVH” luôn đọc là “nhà rông” trong xã." in officer.text("#reading")
    assert "nhà rông" in officer.text(".reading")
    await shown(officer, "act=span", span="0-1")
    assert officer.page.css_first("#choice") is None, "nothing stands there"


async def test_sentences_are_listed_with_where_they_begin(browse: SignIn) -> None:
    officer = await browse("officer")
    await shown(officer, "act=listen-sentences")
    rows = officer.page.css("[data-sentences] li")
    assert [row.attributes["data-from"] for row in rows] == ["0", str(SCRIPT.index("Nhớ"))]
    begins = [one.attributes["data-from"] for one in officer.page.css(".reading p")]
    assert begins == [row.attributes["data-from"] for row in rows]
    assert [text.text() for text in rows[1].css("p")] == ["Nhớ mang CCCD."]
    assert (await officer.http.get("/soan/cau/" + "0" * 64)).status_code == 404
    await shown(officer, "act=listen-sentences", script="  ")
    assert "Chưa có nội dung để đọc" in officer.text('#sound [role="alert"]')


async def test_length_and_the_villages_day_are_said_before_anything_is_kept(browse: SignIn, commune: Commune) -> None:
    with session_of(commune.engine) as session:
        rules = Rules(windows=[Window(opens=time(5), closes=time(22))], sessions_a_day=1, day_minutes=15)
        set_commune_rules(session, rules, NOW, "admin")
    officer = await browse("officer")
    await shown(officer, "act=read", when="programme")
    assert "Dài khoảng" in officer.text("[data-lasts]")
    assert officer.page.css_first("[data-days]") is None
    tomorrow = (NOW + timedelta(days=1)).date().isoformat()
    there: dict[str, str | list[str]] = {"when": "at", "on": tomorrow, "minute": "17:00"}
    await shown(officer, "act=read", **there)
    assert "0 lượt" in officer.text("[data-days]")
    assert "mức 1 lượt · mức 15 phút" in officer.text("[data-days]")
    await shown(officer, "act=read", **there | {"minute": "23:00"})
    assert "Ngoài giờ được phép phát của xã" in officer.text('[data-advice="quiet-hours"]')
    await shown(officer, "act=read", **there | {"script": "Tin dài. " * 2000})
    assert "Sẽ không phát." in officer.text('[data-advice="refused"]')
    with session_of(commune.engine) as session:
        set_special_day(
            session, get_commune(session), on=NOW.date() + timedelta(days=1), name="Quốc tang",
            kind=SpecialDayKind.MOURNING, like_weekday=None, now=NOW, actor="leader",
        )  # fmt: skip
    await shown(officer, "act=read", **there)
    assert "Ngày để tang: chỉ phát tin khẩn cấp." in officer.text('[data-advice="refused"]')
    await shown(officer, "act=read", **there | {"zones": []})
    assert officer.page.css_first("[data-days]") is None


async def test_a_lost_session_comes_back_to_the_text(browse: SignIn, nobody: Browser) -> None:
    htmx = {"hx-request": "true", "hx-current-url": "http://loa.test/soan"}
    answer = await nobody.http.post("/soan/doc", data={"script": "8h"}, headers=htmx)
    assert answer.headers["hx-redirect"] == "/dang-nhap?tiep=%2Fsoan"
    sent = await nobody.http.post("/soan", data=FORM, headers={"referer": "http://loa.test/soan"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/dang-nhap?tiep=%2Fsoan")
    for other in ("https://elsewhere.example/soan", "http://loa.test/khan-cap/xem-truoc", ""):
        sent = await nobody.http.post("/soan", data=FORM, headers={"referer": other})
        assert sent.headers["location"] == "/dang-nhap", other
