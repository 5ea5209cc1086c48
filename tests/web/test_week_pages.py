"""The week of a village: the grid, what sounds at a moment, and moving one time of an entry."""

from datetime import date, time

import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from broadcast.communes import get_commune
from broadcast.entries import DayDraft, EntryDraft, add_entry, change_day, get_entry, lengths_of_days
from broadcast.models import (
    Broadcast,
    BroadcastPart,
    Clip,
    Rendering,
    RenderingState,
    SpecialDayKind,
    WhenEmpty,
    row_id,
)
from broadcast.programmes import create_programme
from broadcast.rules import Rules, set_zone_rules
from broadcast.special_days import set_special_day
from players.messages import Window
from scheduler.planner import plan_entries
from tests.web.conftest import NOW, Browser, Commune, SignIn

TODAY = date(2026, 9, 22)
TOMORROW = "e-{}-20260923T{}"


def programme(commune: Commune, name: str) -> int:
    with commune.work() as session:
        made = create_programme(
            session, get_commune(session), name=name, greeting="Xin chào {xã}.", closing="", now=NOW, actor="officer"
        )
        made.when_empty = WhenEmpty.GREETING
        session.add(made)
        session.flush()
        return row_id(made.id)


def entry_at(commune: Commune, programme_id: int, airs_at: time, **more: object) -> int:
    with commune.work() as session:
        draft = EntryDraft(programme_id=programme_id, zones=("thon-dong",), airs_at=airs_at, from_on=TODAY, **more)  # type: ignore[arg-type]
        entry_id = row_id(add_entry(session, draft, NOW, "officer").id)
    with commune.work() as session:
        plan_entries(session, [entry_id], NOW)
    return entry_id


def speak(commune: Commune, entry_id: int, minutes: int) -> None:
    """Have all clips of an entry made, each broadcast so long."""
    with commune.work() as session:
        of_entry = select(Broadcast).where(Broadcast.entry_id == entry_id)
        for broadcast in session.exec(of_entry.order_by(col(Broadcast.id))).all():
            for part in session.exec(select(BroadcastPart).where(BroadcastPart.broadcast_id == broadcast.id)):
                rendering = session.get_one(Rendering, part.rendering_key)
                if session.get(Clip, rendering.key) is None:
                    session.add(
                        Clip(sha256=rendering.key, size_bytes=1, duration_ms=minutes * 60_000, engine="tone", voice="",
                             created_at=NOW)
                    )  # fmt: skip
                    session.flush()
                rendering.state, rendering.clip_sha256 = RenderingState.RENDERED, rendering.key
                session.add(rendering)
            broadcast.duration_ms = minutes * 60_000
            session.add(broadcast)


@pytest.fixture
def morning(commune: Commune) -> int:
    return entry_at(commune, programme(commune, "Bản tin sáng"), time(5, 30))


@pytest.fixture
def evening(commune: Commune) -> int:
    return entry_at(commune, programme(commune, "Bản tin chiều"), time(17, 0))


def blocks(browser: Browser, fate: str = "") -> list[str]:
    wanted = f'[data-block][data-fate="{fate}"]' if fate else "[data-block]"
    return [one.attributes["data-block"] or "" for one in browser.page.css(wanted)]


async def test_seven_days_with_their_lunar_days_and_lengths(browse: SignIn, commune: Commune, evening: int) -> None:
    speak(commune, evening, 12)
    with commune.work() as session:
        broadcast = session.get_one(Broadcast, TOMORROW.format(evening, "1700"))
        for part in session.exec(select(BroadcastPart).where(BroadcastPart.broadcast_id == broadcast.id)):
            assert session.get_one(Rendering, part.rendering_key).state is RenderingState.RENDERED
    head = await browse("head")
    await head.get("/lich-phat/tuan")
    heads = [" ".join(one.text(separator=" ").split()) for one in head.page.css(".week-day > header")]
    assert heads[0] == "Thứ ba 22/09 12/8 âm lịch, hôm nay"
    assert heads[3] == "Thứ sáu 25/09 15/8 âm lịch"
    assert len(heads) == 7
    assert blocks(head) == [f"e-{evening}-202609{day}T1700" for day in range(22, 29)]
    assert head.text("[data-block]") == "17:00 Bản tin chiều 12 phút 00 giây"
    assert head.page.css_first(".is-guess") is None
    # Whoever may not move anything finds nothing to move.
    assert head.page.css_first("[data-moves]") is None
    style = head.page.css_first("style[nonce]")
    assert style is not None
    assert ".bar { height: calc(12.0 * var(--minute)); }" in style.text()
    assert style.attributes["nonce"]
    assert f"'nonce-{style.attributes['nonce']}'" in head.answer.headers["content-security-policy"]


async def test_what_is_not_rendered_is_guessed_and_says_so(browse: SignIn, morning: int) -> None:
    officer = await browse("officer")
    await officer.get("/lich-phat/tuan?ngay=2026-09-23")
    assert officer.text(".is-guess small").startswith("khoảng ")
    assert officer.text(".week-day.is-chosen h2") == "Thứ tư 23/09"


async def test_holidays_mourning_changed_days_and_quiet_hours_are_marked(
    browse: SignIn, commune: Commune, morning: int
) -> None:
    with commune.work() as session:
        set_special_day(
            session, get_commune(session), on=date(2026, 9, 24), name="Quốc tang", kind=SpecialDayKind.MOURNING,
            like_weekday=None, now=NOW, actor="officer",
        )  # fmt: skip
        change_day(session, morning, 1, date(2026, 9, 25), DayDraft(airs_at=time(6, 15)), NOW, "officer")
        windows = (Window(opens=time(5), closes=time(11)), Window(opens=time(16), closes=time(21)))
        set_zone_rules(session, "thon-dong", Rules(windows=windows), NOW, "officer")
    with commune.work() as session:
        plan_entries(session, [morning], NOW)
    officer = await browse("officer")
    await officer.get("/lich-phat/tuan")
    mourning = officer.page.css_first(".week-day.is-mourning")
    assert mourning is not None
    assert "Quốc tang: để tang, chỉ phát tin khẩn cấp" in " ".join(mourning.text(separator=" ").split())
    assert blocks(officer, "off") == [f"e-{morning}-20260924T0530"]
    assert officer.text(".is-changed") == "06:15 Bản tin sáng khoảng 2 giây, đổi riêng ngày này"
    assert len(officer.page.css(".week-day .quiet")) == 7 * 3
    assert "05:00–11:00, 16:00–21:00" in officer.text(".head")
    await officer.get("/lich-phat/tuan?tu=2026-08-31")
    assert "Quốc khánh" in officer.text(".week-day:nth-of-type(3) header")


async def test_what_meets_is_red_with_the_reason_and_listed(browse: SignIn, commune: Commune, morning: int) -> None:
    speak(commune, morning, 30)
    other = entry_at(commune, programme(commune, "Thông báo"), time(5, 45))
    speak(commune, other, 5)
    officer = await browse("officer")
    await officer.get("/lich-phat/tuan")
    assert len(blocks(officer, "trouble")) == 12  # this morning's are past
    said = officer.text(f'[data-trouble="e-{other}-20260923T0545"]')
    assert said == ("23/09/2026 05:45 Thông báo Trùng giờ với “Bản tin sáng, 23/09” lúc 05:30: chờ đến 06:00.")
    await officer.get("/lich-phat/tuan?thon=thon-tay")
    assert blocks(officer) == []
    assert officer.text("#troubles-title ~ p") == "Không có gì chồng nhau hay bị từ chối trong các ngày này."


@pytest.mark.parametrize(
    ("minute", "said"),
    [
        ("17:05", "Bản tin chiều (17:00–17:12, 12 phút 00 giây)."),
        ("17:12", "không phát gì. Tiếp theo: Bản tin chiều, lúc 24/09/2026 17:00."),
        ("03:00", "không phát gì. Tiếp theo: Bản tin chiều, lúc 23/09/2026 17:00."),
    ],
)
async def test_what_sounds_at_a_minute_is_said_in_a_sentence_and_shown(
    browse: SignIn, commune: Commune, evening: int, minute: str, said: str
) -> None:
    speak(commune, evening, 12)
    officer = await browse("officer")
    await officer.get(f"/lich-phat/tuan?thon=thon-dong&ngay=2026-09-23&luc={minute}")
    assert officer.text("#answer") == f"Lúc {minute}, Thứ tư, 23/09/2026, Thôn Đông: {said}"
    shown = officer.page.css_first("[data-block].is-asked")
    assert (shown is not None) == (minute == "17:05")


async def test_a_day_of_mourning_answers_why(browse: SignIn, commune: Commune, evening: int) -> None:
    with commune.work() as session:
        set_special_day(
            session, get_commune(session), on=date(2026, 9, 23), name="Quốc tang", kind=SpecialDayKind.MOURNING,
            like_weekday=None, now=NOW, actor="officer",
        )  # fmt: skip
    with commune.work() as session:
        plan_entries(session, [evening], NOW)
    officer = await browse("officer")
    await officer.get("/lich-phat/tuan?ngay=2026-09-23&luc=17:00")
    assert "lẽ ra phát lúc 17:00: Ngày để tang: chỉ phát tin khẩn cấp." in officer.text("#answer")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("thon=khong-co", 404),
        ("ngay=31/02/2026", 422),
        ("luc=25:00", 422),
        ("tu=1850-01-01", 422),
        ("tu=2099-12-31", 200),
    ],
)
async def test_bad_questions_are_answered(browse: SignIn, query: str, status: int) -> None:
    officer = await browse("officer")
    await officer.get(f"/lich-phat/tuan?{query}")
    assert officer.answer.status_code == status


async def test_a_village_head_sees_his_village_only(browse: SignIn) -> None:
    head = await browse("head")
    await head.get("/lich-phat/tuan?thon=thon-tay")
    assert head.answer.status_code == 404


def move_address(entry_id: int, **more: str) -> str:
    asked = {
        "lich": str(entry_id),
        "ban": "1",
        "ngay": "2026-09-23",
        "sang": "2026-09-23",
        "gio": "05:30",
        "thon": "thon-dong",
    }
    return "/lich-phat/tuan/doi?" + "&".join(f"{name}={value}" for name, value in (asked | more).items())


async def test_a_move_shows_what_it_meets_before_it_is_kept(
    app: FastAPI, browse: SignIn, commune: Commune, morning: int, evening: int
) -> None:
    speak(commune, morning, 10)
    speak(commune, evening, 10)
    officer = await browse("officer")
    await officer.get("/lich-phat/tuan?ngay=2026-09-23")
    link = officer.attributes(f'[data-block="e-{morning}-20260923T0530"] a')["href"]
    await officer.get(link.replace("gio=05:30", "gio=17:05"))
    for choice in ("day", "week"):
        said = officer.text(f"#choice-{choice}")
        assert "“Bản tin sáng” lúc 17:05 chồng lên “Bản tin chiều” lúc 17:00 ở Thôn Đông" in said
    with commune.work() as session:
        assert get_entry(session, morning).airs_at == time(5, 30), "looking changes nothing"
        assert get_entry(session, morning).revision == 1
    await officer.send("#choice-day form", "act=day")
    assert officer.path == "/lich-phat/tuan"
    assert "Đã lưu" in officer.text("[data-done]")
    assert blocks(officer, "trouble") == [f"e-{evening}-20260923T1700", f"e-{morning}-20260923T1705"]
    with commune.work() as session:
        assert get_entry(session, morning).airs_at == time(5, 30)


async def test_every_week_moves_time_weekday_and_length(browse: SignIn, commune: Commune, evening: int) -> None:
    on_wednesdays = entry_at(commune, programme(commune, "Tin tuần"), time(8), weekdays=(2,))
    officer = await browse("officer")
    await officer.get(move_address(on_wednesdays, sang="2026-09-25", gio="09:00", phut="20"))
    await officer.send("#choice-week form", "act=week")
    with commune.work() as session:
        entry = get_entry(session, on_wednesdays)
        assert (entry.weekdays, entry.airs_at, entry.max_minutes) == ([4], time(9), 20)


async def test_one_day_goes_to_another_day(browse: SignIn, commune: Commune) -> None:
    on_wednesdays = entry_at(commune, programme(commune, "Tin tuần"), time(8), weekdays=(2,))
    officer = await browse("officer")
    await officer.get(move_address(on_wednesdays, sang="2026-09-25", gio="09:00"))
    await officer.send("#choice-day form", "act=day")
    assert blocks(officer, "off") == [f"e-{on_wednesdays}-20260923T0800"]
    assert f"e-{on_wednesdays}-20260925T0900" in blocks(officer, "sounds")


async def test_one_day_alone_is_stretched(browse: SignIn, commune: Commune, morning: int) -> None:
    """What is longer than it may be that day does not sound that day; the days after it do."""
    speak(commune, morning, 10)
    officer = await browse("officer")
    await officer.get(move_address(morning, phut="5"))
    assert "sẽ không phát. Dài hơn thời lượng cho phép" in officer.text("#choice-day")
    await officer.send("#choice-day form", "act=day")
    with commune.work() as session:
        assert get_entry(session, morning).max_minutes is None
        assert lengths_of_days(session) == {(morning, date(2026, 9, 23)): 5}
    assert blocks(officer, "trouble") == [f"e-{morning}-20260923T0530"]
    assert f"e-{morning}-20260924T0530" in blocks(officer, "sounds")
    link = officer.attributes(f'[data-block="e-{morning}-20260923T0530"] a')["href"]
    assert "&phut=5&" in link
    await officer.get(link.replace("phut=5", "phut=30"))
    await officer.send("#choice-day form", "act=day")
    assert not blocks(officer, "trouble")


async def test_a_length_of_all_days_is_not_taken_off_for_one(browse: SignIn, commune: Commune, morning: int) -> None:
    officer = await browse("officer")
    await officer.get(move_address(morning, phut="20"))
    await officer.send("#choice-week form", "act=week")
    await officer.get(move_address(morning, ban="2", gio="06:00", phut=""))
    assert "Hãy ghi số phút dài nhất cho riêng ngày này." in officer.text("#choice-day")


async def test_of_two_who_move_the_same_the_second_is_told(browse: SignIn, commune: Commune, morning: int) -> None:
    first, second = await browse("officer"), await browse("officer2")
    await first.get(move_address(morning, gio="06:00"))
    await second.get(move_address(morning, gio="07:00"))
    await first.send("#choice-week form", "act=week")
    await second.send("#choice-week form", "act=week")
    assert second.answer.status_code == 409
    assert "Người khác vừa sửa lịch phát này" in second.text(".note")
    assert second.attributes("#gio")["value"] == "07:00"
    with commune.work() as session:
        assert get_entry(session, morning).airs_at == time(6)
    # A grid that was open since before says so as well, before anything is chosen.
    await second.get(move_address(morning, gio="07:30"))
    assert "Người khác vừa sửa" in second.text("#choice-day")
    assert second.page.css_first("#choice-day form") is None


@pytest.mark.parametrize(
    ("changes", "act", "said"),
    [
        ({"ngay": "2026-09-22", "sang": "2026-09-22", "gio": "09:00"}, "day", "Giờ này đã qua."),
        ({"ngay": "2026-09-20"}, "day", "Lịch phát không có lượt nào ngày 20/09/2026."),
        ({"sang": "2026-09-24"}, "day", "Ngày 24/09 lịch này đã có một lượt phát."),
        ({"sang": "2026-09-01"}, "week", "Lịch phát có hạn từ 22/09/2026."),
        ({"phut": "999"}, "week", "Thời lượng tối đa từ 1 đến 240 phút."),
    ],
)
async def test_what_cannot_be_says_why(
    browse: SignIn, morning: int, changes: dict[str, str], act: str, said: str
) -> None:
    officer = await browse("officer")
    await officer.get(move_address(morning, **changes))
    assert said in officer.text(f"#choice-{act}")


@pytest.mark.parametrize("changes", [{"gio": "25:00"}, {"sang": "mai"}, {"phut": "x"}, {"ban": "a"}])
async def test_what_is_typed_wrong_is_said_and_kept(browse: SignIn, morning: int, changes: dict[str, str]) -> None:
    officer = await browse("officer")
    await officer.get(move_address(morning, **changes))
    assert officer.answer.status_code == 422
    assert officer.page.css_first("#choice-day") is None


async def test_two_programmes_that_air_at_the_same_minute_stand_beside_each_other(
    browse: SignIn, commune: Commune, morning: int
) -> None:
    entry_at(commune, programme(commune, "Khác"), time(5, 35))
    officer = await browse("officer")
    await officer.get("/lich-phat/tuan")
    style = officer.page.css_first("style[nonce]")
    assert style is not None
    assert "left: 50.0%; width: 50.0%" in style.text()
