"""The timetable in people's calendars, by an address of their own."""

from datetime import UTC, date, datetime, time
from urllib.parse import urlsplit

from fastapi import FastAPI
from icalendar import Calendar

from broadcast.communes import get_commune
from broadcast.entries import DayDraft, EntryDraft, add_entry, change_day
from broadcast.models import row_id
from broadcast.programmes import create_programme
from broadcast.users import get_user, make_token, reset_password
from tests.web.conftest import NOW, Commune, SignIn
from tests.web.test_timetable_pages import planned
from web.pages.calendar import LASTS


def seed(commune: Commune) -> None:
    with commune.work() as session:
        made = create_programme(
            session, get_commune(session), name="Bản tin sáng", greeting="Chào.", closing="", now=NOW, actor="officer"
        )
        for zone, airs_at in (("thon-dong", time(5, 30)), ("thon-tay", time(6))):
            draft = EntryDraft(
                programme_id=row_id(made.id), zones=(zone,), airs_at=airs_at, from_on=date(2026, 9, 23),
                until_on=date(2026, 9, 24),
            )  # fmt: skip
            entry = add_entry(session, draft, NOW, "officer")
            change_day(session, row_id(entry.id), 1, date(2026, 9, 24), DayDraft(is_off=True), NOW, "officer")


async def test_a_person_makes_an_address_and_a_calendar_reads_it_without_signing_in(
    app: FastAPI, browse: SignIn, commune: Commune
) -> None:
    seed(commune)
    app.state.station.nudge()
    await planned(app, commune, 2)
    head = await browse("head")
    await head.get("/lich-dien-thoai")
    await head.send("#make")
    address = urlsplit(head.text("#address"))
    head.http.cookies.clear()
    answer = await head.http.get(f"{address.path}?{address.query}")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    events = Calendar.from_ical(answer.text).walk("VEVENT")
    said = [(str(e["uid"]), e.decoded("dtstart"), str(e["location"])) for e in events]
    assert said == [
        ("e-1-20260923T0530@hoa-binh-an.loalang", datetime(2026, 9, 22, 22, 30, tzinfo=UTC), "Thôn Đông"),
        ("e-1-20260924T0530@hoa-binh-an.loalang", datetime(2026, 9, 23, 22, 30, tzinfo=UTC), "Thôn Đông"),
    ]
    assert str(events[1]["status"]) == "CANCELLED"
    assert str(events[1]["description"]) == "Lịch phát được cho nghỉ riêng ngày này."


async def test_only_a_calendars_token_opens_it_and_a_new_password_ends_it(browse: SignIn, commune: Commune) -> None:
    nobody = await browse("officer")
    with commune.work() as session:
        officer = get_user(session, "officer")
        wrong = make_token(session, officer, "khác", ["write"], LASTS, NOW)
        right = make_token(session, officer, "lịch", ["calendar"], LASTS, NOW)
    for token in ("", "ll_none", wrong):
        assert (await nobody.http.get(f"/lich-phat.ics?ma={token}")).status_code == 404
    assert (await nobody.http.get(f"/lich-phat.ics?ma={right}")).status_code == 200
    headers = {"authorization": f"Bearer {right}"}
    nobody.http.cookies.clear()
    assert (await nobody.http.get("/api/entries", headers=headers)).status_code == 403
    with commune.work() as session:
        reset_password(session, "officer", NOW)
    assert (await nobody.http.get(f"/lich-phat.ics?ma={right}")).status_code == 404
