"""Programmes arranged part by part, the order of a day, the weather, and campaigns."""

from datetime import date, time

import pytest
from sqlmodel import select

from broadcast.bulletins import approve_bulletin, submit_bulletin, write_bulletin
from broadcast.communes import get_commune
from broadcast.entries import EntryDraft, add_entry
from broadcast.models import DayWeather, Placement, row_id
from broadcast.programme_parts import parts_of_programme
from broadcast.programmes import create_programme, get_programme
from broadcast.rules import Rules, set_commune_rules
from broadcast.users import get_user
from broadcast.windows import ALL_DAY
from tests.web.conftest import NOW, Browser, Commune, Programs, SignIn


@pytest.fixture
def programme(commune: Commune) -> int:
    with commune.work() as session:
        made = create_programme(
            session, get_commune(session), name="Bản tin sáng", greeting="Chào {xã}.", closing="Hết.", now=NOW,
            actor="officer",
        )  # fmt: skip
        return row_id(made.id)


def approved(commune: Commune, title: str, programmes: list[int]) -> str:
    with commune.work() as session:
        officer = get_user(session, "officer")
        bulletin = write_bulletin(
            session, officer, title=title, script=f"{title}.", zones=["thon-dong", "thon-tay"], airs_now=not programmes,
            programmes=programmes, now=NOW,
        )  # fmt: skip
        submit_bulletin(session, bulletin.id, officer, NOW)
        approve_bulletin(session, bulletin.id, get_user(session, "leader"), 1, NOW)
        return bulletin.id


def kinds(browser: Browser) -> list[str]:
    return [node.attributes["data-part"] or "" for node in browser.page.css("[data-part]")]


async def test_a_leader_arranges_a_programme_by_its_buttons(browse: SignIn, commune: Commune, programme: int) -> None:
    leader = await browse("leader")
    await leader.get(f"/chuong-trinh/{programme}")
    assert kinds(leader) == ["chime", "greeting", "bulletins", "closing"]
    assert "Ngày 22/09/2026: Chào Xã Hòa Bình An." in leader.text('[data-part="greeting"]')
    await leader.send("#programme", "act=up-3", name="Bản tin sớm")
    await leader.send("#programme", "act=add-chime")
    await leader.send("#programme", "act=remove-0")
    assert kinds(leader) == ["greeting", "closing", "bulletins", "chime"]
    assert leader.attributes("#name")["value"] == "Bản tin sớm"
    await leader.send("#programme", "act=save", when_empty="greeting")
    assert leader.path == "/chuong-trinh"
    with commune.work() as session:
        stored = get_programme(session, programme)
        assert (stored.name, stored.when_empty, stored.revision) == ("Bản tin sớm", "greeting", 2)
        found = [(part.kind.value, part.text) for part in parts_of_programme(session, programme)]
    assert found == [("greeting", "Chào {xã}."), ("closing", "Hết."), ("bulletins", ""), ("chime", "")]


async def test_a_new_programme_begins_with_the_usual_parts_and_says_what_is_wrong(browse: SignIn) -> None:
    leader = await browse("leader")
    await leader.get("/chuong-trinh/moi")
    assert kinds(leader) == ["chime", "greeting", "bulletins", "closing"]
    await leader.send("#programme", "act=save", name="Chiều", text=["", "Chào {x}.", "", "Hết."])
    assert leader.answer.status_code == 422
    assert "Không có ô “{x}”" in leader.text("#error-parts")
    await leader.send("#programme", "act=save", text=["", "Chào.", "", "Hết."])
    assert leader.text("[data-programme]") == "Chiều nhạc hiệu, lời chào, bản tin trong ngày, lời kết"


async def test_of_two_leaders_the_second_is_told(browse: SignIn, programme: int) -> None:
    first, second = await browse("leader"), await browse("leader")
    for browser in (first, second):
        await browser.get(f"/chuong-trinh/{programme}")
    await first.send("#programme", "act=save", name="Một")
    await second.send("#programme", "act=save", name="Hai")
    assert second.answer.status_code == 409
    assert second.attributes("#name")["value"] == "Hai"


async def test_an_officer_reads_the_parts_and_orders_the_day(browse: SignIn, commune: Commune, programme: int) -> None:
    for title in ("Một", "Hai"):
        approved(commune, title, [programme])
    officer = await browse("officer")
    await officer.get(f"/chuong-trinh/{programme}")
    assert officer.page.css_first("#programme") is None
    assert officer.text("#order ol") == "Một Xuống Hai Lên"
    down = officer.attributes("#order button")["value"]
    await officer.send("#order", f"act={down}")
    assert officer.text("#order ol") == "Hai Xuống Một Lên"
    await officer.send("#order", act="lên-trên")
    assert officer.answer.status_code == 422
    await officer.get(f"/chuong-trinh/{programme}")
    assert officer.text("#order ol") == "Hai Xuống Một Lên"
    assert (await officer.http.post(f"/chuong-trinh/{programme}", data={"csrf": "x"})).status_code == 403


async def test_the_weather_of_a_day_is_typed_and_taken_back(browse: SignIn, commune: Commune, programme: int) -> None:
    officer = await browse("officer")
    await officer.get("/chuong-trinh")
    await officer.send('form[data-day="2026-09-23"]', weather=" nắng  nóng ")
    assert officer.attributes("#weather-2")["value"] == "nắng nóng"
    await officer.send('form[data-day="2026-09-23"]', weather="")
    with commune.work() as session:
        assert session.exec(select(DayWeather)).all() == []


async def test_a_campaign_is_placed_in_one_form_shown_on_the_bulletin_and_taken_back(
    browse: SignIn, commune: Commune, programme: int
) -> None:
    bulletin = approved(commune, "Tiêm chủng", [])
    officer = await browse("officer")
    await officer.get(f"/ban-tin/{bulletin}/xep")
    assert officer.attributes("#until_on")["value"] == "2026-09-24"
    await officer.send("#campaign", until_on="2026-09-20", programmes=[str(programme)], times="2")
    assert officer.text("#error-until_on")
    assert officer.attributes("#times")["value"] == "2"
    await officer.send("#campaign", until_on="2026-09-30", weekdays=["1", "3"], zones=["thon-dong"])
    said = "từ 22/09/2026 đến 30/09/2026, thứ ba, thứ năm, đọc 2 lần, Thôn Đông"
    assert said in officer.text("[aria-labelledby=placed-title]")
    await officer.get(f"/ban-tin/{bulletin}")
    assert f"Bản tin sáng: {said}" in officer.text(".facts")
    await officer.get(f"/ban-tin/{bulletin}/xep")
    remove = officer.attributes("[aria-labelledby=placed-title] button")["value"]
    await officer.send("[aria-labelledby=placed-title] form", f"remove={remove}")
    with commune.work() as session:
        assert session.exec(select(Placement)).all() == []


async def test_where_a_placed_bulletin_is_heard_beyond_its_villages_and_how_long_it_makes_a_programme_are_said(
    browse: SignIn, commune: Commune, programme: int
) -> None:
    with commune.work() as session:
        set_commune_rules(session, Rules(windows=ALL_DAY, session_minutes=1), NOW, "leader")
        both = EntryDraft(
            programme_id=programme, zones=("thon-dong", "thon-tay"), airs_at=time(17), from_on=date(2026, 9, 22)
        )
        add_entry(session, both, NOW, "officer")
        bulletin = write_bulletin(
            session, get_user(session, "officer"), title="Họp thôn", script="Xin mời bà con đến họp. " * 50,
            zones=["thon-dong"], programmes=[], now=NOW,
        ).id  # fmt: skip
    officer = await browse("officer")
    await officer.get(f"/ban-tin/{bulletin}/xep")
    assert officer.page.css_first("#advice") is None
    await officer.send("#campaign", programmes=[str(programme)])
    beyond = "Còn được nghe ở Thôn Tây, vì lịch phát của chương trình nói cho cả nơi đó."
    assert officer.text("[data-beyond]") == beyond
    days = "22/09, 23/09, 24/09"
    assert officer.text('[data-advice="refused"]').startswith(f"{days}: “Bản tin sáng” lúc 17:00 sẽ không phát.")
    assert officer.text('[data-advice="not-approved"]').startswith("Đã tính cả 1 bản tin")
    assert officer.text("[data-times] li").startswith("22/09/2026 17:00 · Thôn Đông, Thôn Tây khoảng 1 phút")
    await officer.get(f"/chuong-trinh/{programme}?ngay=2026-09-23")
    assert officer.text('[data-advice="refused"]').startswith(days)
    assert officer.text("[data-times]").startswith("23/09/2026 17:00")
    await officer.get("/lich-phat/1")
    assert "Bản tin “Họp thôn” còn được nghe ở Thôn Tây" in officer.text('[data-advice="heard-beyond"]')
    with commune.work() as session:
        submit_bulletin(session, bulletin, get_user(session, "officer"), NOW)
    leader = await browse("leader")
    await leader.get(f"/ban-tin/{bulletin}")
    assert leader.text("[data-beyond]") == beyond
    await leader.get("/duyet")
    assert leader.text("[data-beyond]") == beyond


async def test_conflicts_and_quota_are_shown_before_a_bulletin_is_placed(
    browse: SignIn, commune: Commune, programme: int
) -> None:
    with commune.work() as session:
        set_commune_rules(session, Rules(windows=ALL_DAY, sessions_a_day=2, session_minutes=1), NOW, "leader")
        for airs_at in (time(17), time(17, 1)):
            draft = EntryDraft(programme_id=programme, zones=("thon-dong",), airs_at=airs_at, from_on=date(2026, 9, 22))
            add_entry(session, draft, NOW, "officer")
        bulletin = write_bulletin(
            session, get_user(session, "officer"), title="Họp thôn", script="Xin mời bà con đến họp. " * 50,
            zones=["thon-dong"], programmes=[], now=NOW,
        ).id  # fmt: skip
    officer = await browse("officer")
    await officer.get(f"/ban-tin/{bulletin}/xep")
    assert "Chọn chương trình và ngày" in officer.text("#ahead")
    await officer.send("#campaign", "act=look", programmes=[str(programme)])
    assert officer.text("#ahead [data-lasts]").startswith("Mỗi lần đọc khoảng 1 phút")
    assert "sẽ không phát" in officer.text('#ahead [data-advice="refused"]')
    assert "chồng lên" in officer.text('#ahead [data-advice="overlap"]')
    assert "2 lượt" in officer.text("#ahead [data-days]")
    assert "mức 2 lượt" in officer.text("#ahead [data-days]")
    assert "checked" in officer.attributes(f'#campaign input[name=programmes][value="{programme}"]')
    with commune.work() as session:
        assert session.exec(select(Placement)).all() == []  # it was only looked at
    typed = {"programmes": str(programme), "from_on": "2026-09-22", "until_on": "2026-09-21", "weekdays": "1"}
    secret = officer.attributes('#act input[name="csrf"]')["value"]
    asked = {**typed, "times": "1", "zones": "thon-dong", "csrf": secret}
    answer = await officer.http.post(f"/ban-tin/{bulletin}/xep/uoc", data=asked)
    assert (answer.status_code, "Chọn chương trình và ngày" in answer.text) == (200, True)
    answer = await officer.http.post(f"/ban-tin/{bulletin}/xep/uoc", data=asked | {"until_on": "2026-09-22"})
    assert "Ngày 22/09/2026, kể cả bản tin này:" in answer.text
    none_then = asked | {"from_on": "2027-06-01", "until_on": "2027-06-02"}
    answer = await officer.http.post(f"/ban-tin/{bulletin}/xep/uoc", data=none_then)
    assert "không phát ở khu vực đã chọn" in answer.text


async def test_who_saves_a_programme_is_shown_what_it_meets(browse: SignIn, commune: Commune, programme: int) -> None:
    with commune.work() as session:
        draft = EntryDraft(programme_id=programme, zones=("thon-dong",), airs_at=time(17), from_on=date(2026, 9, 22))
        add_entry(session, draft, NOW, "officer")
    leader = await browse("leader")
    await leader.get(f"/chuong-trinh/{programme}")
    await leader.send("#programme", "act=save", when_empty="greeting")
    assert leader.path == f"/chuong-trinh/{programme}"
    assert "chưa có cụm loa nào" in leader.text('[data-advice="no-nodes"]')
    assert leader.text("[data-times]").startswith("22/09/2026 17:00 · Thôn Đông khoảng"), "it is planned already"


async def test_the_writing_page_leads_to_the_days(browse: SignIn, commune: Commune, programme: int) -> None:
    bulletin = approved(commune, "Tin", [programme])
    officer = await browse("officer")
    await officer.get(f"/soan/{bulletin}")
    assert officer.attributes(f'a[href="/ban-tin/{bulletin}/xep"]')


async def test_a_program_makes_a_programme_and_changes_it_by_the_revision_it_read(api: Programs) -> None:
    leader = api("leader")
    parts = [{"kind": "greeting", "text": "Chào {xã}."}, {"kind": "bulletins"}]
    made = (await leader.post("/api/programmes", json={"name": "Trưa", "parts": parts})).json()
    assert [(part["kind"], part["text"]) for part in made["parts"]] == [("greeting", "Chào {xã}."), ("bulletins", "")]
    path = f"/api/programmes/{made['id']}"
    changed = await leader.put(path, json={"name": "Trưa", "parts": parts[1:], "revision": 1, "when_empty": "greeting"})
    assert (changed.json()["revision"], changed.json()["when_empty"]) == (2, "greeting")
    late = await leader.put(path, json={"name": "Khác", "parts": parts, "revision": 1})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "changed-meanwhile")
    assert (await leader.get("/api/programmes")).json()["programmes"] == [changed.json()]


async def test_a_program_runs_a_campaign(api: Programs, commune: Commune, programme: int) -> None:
    officer, bulletin = api("officer"), approved(commune, "Tiêm chủng", [])
    path = f"/api/bulletins/{bulletin}/placements"
    asked = {"programmes": [programme], "from_on": "2026-09-22", "until_on": "2026-09-24", "zones": ["thon-tay"]}
    made = await officer.post(path, json={**asked, "times": 3})
    assert made.status_code == 201
    (one,) = made.json()["placements"]
    assert (one["programme"], one["until_on"], one["zones"], one["times"]) == (programme, "2026-09-24", ["thon-tay"], 3)
    assert (await officer.get(path)).json() == made.json()
    gone = [(await officer.delete(f"{path}/{one['id']}")).status_code for _ in range(2)]
    assert gone == [204, 404]
    assert (await officer.put("/api/weather/2026-09-23", json={"text": "nắng"})).status_code == 204


async def test_a_leader_has_an_upper_radio_relayed(browse: SignIn, commune: Commune, programme: int) -> None:
    leader = await browse("leader")
    await leader.get(f"/chuong-trinh/{programme}")
    await leader.send("#programme", "act=add-relay")
    assert kinds(leader) == ["chime", "greeting", "bulletins", "relay", "closing"], "before the closing words"
    texts = ["", "Chào.", "", "Đài tỉnh", "Hết."]
    typed = {"relay_minutes": "15", "relay_after": "5", "relay_failure": "next"}
    for wrong in ("đài tỉnh", "ftp://radio.example/a", "http://ai:mk@radio.example/a", "http://127.0.0.1:8000/a"):
        await leader.send("#programme", "act=save", text=texts, relay_url=wrong, **typed)
        assert leader.answer.status_code == 422, wrong
        assert leader.text("#error-parts")
    for wrong in ("0", "121", "mười"):
        await leader.send(
            "#programme", "act=save", text=texts, relay_url="http://a.example/", **typed | {"relay_minutes": wrong}
        )
        assert leader.answer.status_code == 422, wrong
    await leader.send("#programme", "act=save", text=texts, relay_url="http://radio.example/live", **typed)
    assert leader.path == "/chuong-trinh"
    assert "tiếp âm đài tỉnh, 15 phút" in leader.text("[data-programme]")
    with commune.work() as session:
        part = parts_of_programme(session, programme)[-2]
        assert (part.kind.value, part.text, part.stream_url) == ("relay", "Đài tỉnh", "http://radio.example/live")
        assert (part.lasts_s, part.starts_after_s, part.on_failure) == (900, 300, "next")
    await leader.get(f"/chuong-trinh/{programme}")
    assert leader.attributes("[name=relay_url]")["value"] == "http://radio.example/live"


async def test_a_relay_needs_its_recording_and_company(api: Programs, commune: Commune) -> None:
    relay = {"kind": "relay", "text": "Đài tỉnh", "url": "https://radio.example/live", "minutes": 10}
    leader = api("leader")
    alone = await leader.post("/api/programmes", json={"name": "Tiếp âm", "parts": [relay]})
    assert (alone.status_code, alone.json()["error"]["code"]) == (422, "only-relays")
    without = {"name": "Tiếp âm", "parts": [{"kind": "closing", "text": "Hết."}, relay | {"on_failure": "clip"}]}
    answer = await leader.post("/api/programmes", json=without)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unknown-recording")
    made = await leader.post(
        "/api/programmes", json={"name": "A", "parts": [{"kind": "closing", "text": "Hết."}, relay]}
    )
    assert made.status_code == 201
    assert made.json()["parts"][1] == relay | {
        "recording": None, "starts_after_minutes": None, "on_failure": "silence"
    }  # fmt: skip
