"""The timetable changed from its pages and by programs; what is planned follows at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, col, select

from broadcast.communes import get_commune
from broadcast.entries import EntryDraft, add_entry
from broadcast.models import (
    AuditEntry,
    Broadcast,
    BroadcastPart,
    BroadcastState,
    Clip,
    Rendering,
    RenderingState,
    WhenEmpty,
    row_id,
)
from broadcast.nodes import create_node
from broadcast.programmes import create_programme, get_programme
from tests.web.conftest import NOW, Browser, Commune, Programs, SignIn

TODAY = date(2026, 9, 22)


@pytest.fixture
def programme(commune: Commune) -> int:
    with commune.work() as session:
        made = create_programme(
            session, get_commune(session), name="Bản tin sáng", greeting="Chào.", closing="", now=NOW, actor="officer"
        )
        session.flush()
        return row_id(made.id)


@pytest.fixture
def entry(commune: Commune, programme: int) -> int:
    with commune.work() as session:
        draft = EntryDraft(programme_id=programme, zones=("thon-dong",), airs_at=time(5, 30), from_on=TODAY)
        return row_id(add_entry(session, draft, NOW, "officer").id)


@contextmanager
def reading(commune: Commune) -> Iterator[Session]:
    with commune.work() as session:
        yield session


async def planned(app: FastAPI, commune: Commune, count: int, has: str = "") -> list[tuple[str, BroadcastState]]:
    """The broadcasts, as soon as there are so many of those that will sound, `has` among them."""
    station = app.state.station
    for _ in range(60):
        with reading(commune) as session:
            rows = session.exec(select(Broadcast).order_by(col(Broadcast.starts_at), col(Broadcast.id))).all()
            found = [(row.id, row.state) for row in rows]
        will_sound = [id_ for id_, state in found if state is BroadcastState.PLANNED]
        if len(will_sound) == count and (not has or has in will_sound):
            return found
        await station.next_change()
    raise AssertionError(f"not {count} of them: {found}")


async def test_an_officer_adds_an_entry_and_it_is_planned(
    app: FastAPI, browse: SignIn, commune: Commune, programme: int
) -> None:
    with commune.work() as session:
        stored = get_programme(session, programme)
        stored.when_empty = WhenEmpty.GREETING
        session.add(stored)
    officer = await browse("officer")
    await officer.get("/lich-phat")
    assert officer.attributes('.head a[href="/lich-phat/moi"]')
    await officer.get("/lich-phat/moi")
    await officer.send(
        "#entry", "act=save", zones=["thon-dong"], airs_at="05:30", weekdays=["0", "2"], lunar_days="1, 15",
        dates="25/09/2026, 2026-09-27", until_on="2027-01-31", skips_holidays="1",
    )  # fmt: skip
    assert officer.path == "/lich-phat/1"
    assert officer.page.css_first('[data-advice="no-length"]') is None, "it is planned when the page comes"
    await officer.get("/lich-phat")
    said = officer.text("[data-entry]")
    assert said == (
        "05:30 Bản tin sáng Thứ hai, Thứ tư, âm lịch ngày 1, 15, 25/09/2026, 27/09/2026, trừ ngày lễ, "
        "đến 31/01/2027 · Thôn Đông"
    )
    # The full moon of the eighth lunar month is on 25 September 2026.
    days = [id_ for id_, _ in await planned(app, commune, 4)]
    assert days == ["e-1-20260923T0530", "e-1-20260925T0530", "e-1-20260927T0530", "e-1-20260928T0530"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"airs_at": "24:30"}, "airs_at"),
        ({"zones": []}, "zones"),
        ({"weekdays": [], "lunar_days": ""}, "weekdays"),
        ({"lunar_days": "1, rằm"}, "lunar_days"),
        ({"dates": "31/02/2026"}, "dates"),
        ({"until_on": "2026-09-01"}, "until_on"),
        ({"max_minutes": "999999999999999999999"}, "max_minutes"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(
    browse: SignIn, programme: int, typed: dict[str, str | list[str]], field: str
) -> None:
    officer = await browse("officer")
    await officer.get("/lich-phat/moi")
    right: dict[str, str | list[str]] = {"zones": ["thon-tay"], "airs_at": "17:15", "lunar_days": "15"}
    await officer.send("#entry", "act=save", **{**right, **typed})
    assert officer.answer.status_code == 422
    assert officer.text(f"#error-{field}")
    for name, text in typed.items():
        if isinstance(text, str):
            assert officer.attributes(f"#{name}")["value"] == text
    assert officer.attributes("#programme option[selected]")


async def test_of_two_officers_the_second_is_told_and_nothing_is_overwritten(
    browse: SignIn, commune: Commune, entry: int
) -> None:
    first, second = await browse("officer"), await browse("officer2")
    for browser in (first, second):
        await browser.get(f"/lich-phat/{entry}")
    await first.send("#entry", "act=save", airs_at="06:00", max_minutes="20")
    assert first.answer.status_code == 200
    for _press in range(2):
        await second.send("#entry", "act=save", airs_at="07:00")
        assert second.answer.status_code == 409
        assert "Người khác vừa sửa lịch phát này" in second.text(".note")
        assert second.attributes("#airs_at")["value"] == "07:00"
    await first.get(f"/lich-phat/{entry}")
    assert (first.attributes("#airs_at")["value"], first.attributes("#max_minutes")["value"]) == ("06:00", "20")


async def test_who_mends_a_typing_fault_is_told_too_that_the_entry_was_changed(browse: SignIn, entry: int) -> None:
    first, second = await browse("officer"), await browse("officer2")
    for browser in (first, second):
        await browser.get(f"/lich-phat/{entry}")
    await first.send("#entry", "act=save", airs_at="06:00")
    await second.send("#entry", "act=save", airs_at="07:00", lunar_days="rằm")
    assert second.answer.status_code == 422
    await second.send("#entry", "act=save", lunar_days="")
    assert second.answer.status_code == 409


async def test_a_day_is_changed_and_the_change_taken_back(
    app: FastAPI, browse: SignIn, commune: Commune, entry: int
) -> None:
    officer = await browse("officer")
    await officer.get(f"/lich-phat/{entry}")
    await officer.send("#day", "act=change-day", on="2026-09-23", is_off="1")
    assert "23/09/2026 Nghỉ" in officer.text("[aria-labelledby=days-title] .rows")
    found = await planned(app, commune, 6)
    assert ("e-1-20260923T0530", BroadcastState.CANCELLED) in found
    await officer.send("#day", "act=change-day", on="2026-09-23", day_airs_at="06:15")
    assert "phát lúc 06:15" in officer.text("[aria-labelledby=days-title] .rows")
    await planned(app, commune, 7, has="e-1-20260923T0615")
    await officer.send("[aria-labelledby=days-title] .rows form", "act=clear-day")
    await planned(app, commune, 7, has="e-1-20260923T0530-2")


async def test_an_entry_is_switched_off_and_on_and_ended(
    app: FastAPI, browse: SignIn, commune: Commune, entry: int
) -> None:
    officer = await browse("officer")
    await officer.get(f"/lich-phat/{entry}")
    await officer.send("#stop", "act=off")
    assert officer.text(".head .chip") == "Tạm ngừng"
    await planned(app, commune, 0)
    await officer.send("#stop", "act=on")
    await planned(app, commune, 7)
    await officer.send("#stop", "act=end")
    assert officer.attributes("#until_on")["value"] == "2026-09-22"
    await planned(app, commune, 0)
    with reading(commune) as session:
        actions = [one.action for one in session.exec(select(AuditEntry)) if "entry" in one.action]
    assert actions == ["create-entry", "stop-entry", "activate-entry", "end-entry"]


async def test_a_day_of_mourning_leaves_everything_out_until_it_is_cleared(
    app: FastAPI, browse: SignIn, commune: Commune, entry: int
) -> None:
    leader = await browse("leader")
    await leader.get("/ngay-dac-biet")
    assert "âm" not in leader.text("h1")
    await leader.send("#set", "act=set", on="2026-09-24", name="Quốc tang", kind="mourning")
    assert "24/09/2026 Quốc tang" in leader.text("[aria-labelledby=days-title]")
    assert ("e-1-20260924T0530", BroadcastState.CANCELLED) in await planned(app, commune, 6)
    await leader.send("#set", "act=set", on="2026-09-24", name="Khác", kind="mourning")
    assert leader.answer.status_code == 409
    await leader.send("[aria-labelledby=days-title] form", "act=clear")
    await planned(app, commune, 7)


async def test_a_day_follows_another_weekday_only_when_it_is_said_which(browse: SignIn) -> None:
    officer = await browse("officer")
    await officer.get("/ngay-dac-biet")
    await officer.send("#set", "act=set", on="2026-09-26", name="Làm bù", kind="like-weekday")
    assert officer.text("#error-like_weekday")
    await officer.send("#set", "act=set", like_weekday="4")
    assert "Làm bù Phát theo lịch của ngày khác trong tuần: Thứ sáu" in officer.text("[aria-labelledby=days-title]")


async def test_others_see_the_timetable_without_its_buttons(browse: SignIn, entry: int) -> None:
    for role, links in (("head", []), ("admin", ["/gio-phat"])):
        browser: Browser = await browse(role)
        await browser.get("/lich-phat")
        assert [link.attributes["href"] for link in browser.page.css(".head a")] == [
            "/lich-phat/tuan",
            "/24-gio-toi",
            "/lich-dien-thoai",
            *links,
        ]
        assert browser.page.css_first("[data-entry] a") is None


async def test_a_program_changes_an_entry_by_the_revision_it_read(api: Programs, programme: int) -> None:
    officer = api("officer")
    asked = {"programme": programme, "zones": ["thon-dong"], "airs_at": "05:30", "from_on": "2026-09-22"}
    made = (await officer.post("/api/entries", json=asked)).json()
    assert (made["revision"], made["programme_name"], made["weekdays"]) == (1, "Bản tin sáng", [0, 1, 2, 3, 4, 5, 6])
    path = f"/api/entries/{made['id']}"
    changed = await officer.put(path, json={**asked, "airs_at": "06:00", "revision": 1, "is_active": False})
    assert (changed.json()["airs_at"], changed.json()["is_active"]) == ("06:00:00", False)
    late = await officer.put(path, json={**asked, "revision": 1})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "changed-meanwhile")
    revision = changed.json()["revision"]
    day = await officer.put(f"{path}/days/2026-09-25", json={"revision": revision, "is_off": True})
    assert day.json()["changes"] == [
        {"on": "2026-09-25", "is_off": True, "airs_at": None, "programme": None, "max_minutes": None}
    ]
    cleared = await officer.delete(f"{path}/days/2026-09-25", params={"revision": day.json()["revision"]})
    assert cleared.json()["changes"] == []
    assert (await officer.get("/api/entries")).json()["entries"] == [cleared.json()]


async def test_a_program_sets_and_clears_special_days(api: Programs) -> None:
    leader = api("leader")
    mourning = {"name": "Quốc tang", "kind": "mourning"}
    assert (await leader.put("/api/special-days/2026-09-25", json=mourning)).status_code == 200
    assert (await leader.put("/api/special-days/2026-09-25", json=mourning)).status_code == 409
    said = (await leader.get("/api/special-days")).json()
    assert said == {"days": [{"on": "2026-09-25", "name": "Quốc tang", "kind": "mourning", "like_weekday": None}]}
    gone: list[httpx.Response] = [await leader.delete("/api/special-days/2026-09-25") for _ in range(2)]
    assert [answer.status_code for answer in gone] == [204, 404]


def speak(commune: Commune, broadcast: str, minutes: int) -> None:
    """Have a broadcast's clips made."""
    with commune.work() as session:
        for part in session.exec(select(BroadcastPart).where(BroadcastPart.broadcast_id == broadcast)):
            sha256 = part.rendering_key
            clip = Clip(
                sha256=sha256, size_bytes=1, duration_ms=minutes * 60_000, engine="tone", voice="", created_at=NOW
            )
            session.add(clip)
            session.flush()
            rendering = session.get_one(Rendering, part.rendering_key)
            rendering.state, rendering.clip_sha256 = RenderingState.RENDERED, sha256


async def test_the_next_24_hours_say_what_sounds_at_a_minute_in_a_village(
    app: FastAPI, browse: SignIn, commune: Commune, programme: int, entry: int
) -> None:
    with commune.work() as session:
        stored = get_programme(session, programme)
        stored.when_empty = WhenEmpty.GREETING
        session.add(stored)
    app.state.station.nudge()
    await planned(app, commune, 7)
    speak(commune, "e-1-20260923T0530", minutes=3)
    head = await browse("head")
    await head.get("/24-gio-toi")
    assert head.text("h1") == "24 giờ tới: Thôn Đông"
    assert head.text("[data-line]") == "23/09/2026 05:30 Bản tin sáng, 23/09 đến 05:33:00 Nghe trước"
    assert head.attributes("[data-line] audio")["src"].startswith("/clips/")
    for minute, said in (("05:32", "Bản tin sáng, 23/09"), ("05:33", "không phát gì."), ("17:00", "không phát gì.")):
        await head.get(f"/24-gio-toi?thon=thon-dong&luc={minute}")
        assert said in head.text("#answer")
    await head.get("/24-gio-toi?thon=thon-tay")
    assert head.answer.status_code == 404
    officer = await browse("officer")
    await officer.get("/24-gio-toi?thon=thon-tay")
    assert officer.page.css_first("[data-line]") is None
    await officer.get("/24-gio-toi?thon=thon-tay&luc=25:00")
    assert officer.text("#error-luc")


async def test_a_pole_that_is_not_paired_will_not_sound(
    app: FastAPI, browse: SignIn, commune: Commune, entry: int
) -> None:
    with commune.work() as session:
        create_node(session, get_commune(session), "dong-1", "Cột Đông", ["thon-dong"], NOW)
    app.state.station.nudge()
    await planned(app, commune, 7)
    officer = await browse("officer")
    await officer.get("/24-gio-toi?loa=dong-1")
    assert officer.text("h1") == "24 giờ tới: Cột Đông"
    assert officer.text("[data-line] .chip") == "Không phát"
    await officer.get("/24-gio-toi?loa=khong-co")
    assert officer.answer.status_code == 404
